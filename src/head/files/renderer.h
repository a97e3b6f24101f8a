#pragma once

#include <functional>
#include <string>
#include <vector>

#include "head/files/render_process.h"

namespace mangrove::head {

struct Template {
    std::string name; ///< "etc/hosts.tmpl"; in errors
    std::string text;
};

/// A result of a template: the file of its own name (empty), or another. With a target it is a link.
struct RenderedFile {
    std::string name = {};
    std::string contents = {};
    std::string target = {};

    bool operator==(const RenderedFile&) const = default;
};

/// Empty where the template said `abort`.
using Rendering = Result<std::vector<RenderedFile>>;

struct RenderRequest {
    std::vector<Template> templates;
    /// JSON on one line, as all that follows: {"set", "host", "time", "server": {…}}
    std::string common = "{}";
    /// Each with what it resolves to: {"name", "macs", "groups", "values", "interfaces", "bmc", …}
    std::vector<std::string> nodes;
    /// The nodes that templates see as .AllNodes; empty: `nodes`.
    std::vector<std::string> all_nodes = {};
};

/// Takes what the templates, in their order, make for one node. Two threads call it.
using TakeRenderings = std::function<Result<>(size_t node, const std::vector<const Rendering*>& renderings)>;

/// Renders all templates for all nodes, with two processes. A template that does not parse fails for all
/// nodes. One that loops or takes too much memory ends its process, which is started again without it.
Result<> render(const RenderProgram& program, const RenderRequest& request, const TakeRenderings& take);

} // namespace mangrove::head

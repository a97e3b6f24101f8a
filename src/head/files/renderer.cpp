#include "head/files/renderer.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "head/host/base64.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace {

constexpr size_t kProcesses = 2;
constexpr size_t kNodesAtOnce = 32;

std::string load_request(size_t id, const Template& one) {
    Json json = make_json_object();
    cJSON_AddNumberToObject(json.get(), "template", static_cast<double>(id));
    add_text(json.get(), "name", one.name);
    add_text(json.get(), "text", base64(one.text));
    return print_json(json) + "\n";
}

std::string common_request(const RenderRequest& request) {
    bool has_all = std::ranges::any_of(request.templates,
                                       [](const Template& one) { return one.text.contains("AllNodes"); });
    std::string common(trim(request.common));
    if (!has_all) return text("{\"common\":", common, "}\n");
    const std::vector<std::string>& all = request.all_nodes.empty() ? request.nodes : request.all_nodes;
    common.pop_back();
    return text("{\"common\":", common, common.ends_with('{') ? "" : ",", "\"nodes\":[", join(all, ","),
                "]}}\n");
}

struct Answer {
    Rendering rendering;
    bool is_last = false; ///< the process ends with it
};

Rendering rendering_in(const cJSON* json) {
    if (std::string problem = text_at(json, "error"); !problem.empty()) return permanent_error(problem);
    std::vector<RenderedFile> files;
    const cJSON* file = nullptr;
    cJSON_ArrayForEach(file, cJSON_GetObjectItemCaseSensitive(json, "files")) {
        const char* contents = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "contents"));
        files.push_back(
            {text_at(file, "name"), from_base64(contents ? contents : ""), text_at(file, "link")});
    }
    return files;
}

Answer read_answer(const std::string& line) {
    Result<Json> json = parse_json(line, "the answer of mangrove-render");
    if (!json) return {std::unexpected(json.error())};
    return {rendering_in(json->get()),
            cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json->get(), "fatal")) != 0};
}

/// The state that two workers share.
class Work {
  public:
    Work(const RenderProgram& with, const RenderRequest& wanted, const TakeRenderings& taker)
        : program(with), request(wanted), take(taker), common(common_request(wanted)),
          fixed(wanted.templates.size()) {}

    /// The next nodes, from the first on; none at the end or after an error.
    std::pair<size_t, size_t> next() {
        std::lock_guard lock(mutex_);
        size_t first = next_;
        next_ = result_ ? std::min(request.nodes.size(), first + kNodesAtOnce) : first;
        return {first, next_};
    }

    void fail(Error error) {
        std::lock_guard lock(mutex_);
        if (result_) result_ = std::unexpected(std::move(error));
    }
    Result<> result() const { return result_; }

    /// The results of a template for all nodes, or why it is rendered for none any more.
    const Rendering* fixed_rendering(size_t id) {
        std::lock_guard lock(mutex_);
        return fixed[id] ? &*fixed[id] : nullptr;
    }
    void fix(size_t id, Rendering rendering) {
        std::lock_guard lock(mutex_);
        if (!fixed[id]) fixed[id] = std::move(rendering);
    }

    const RenderProgram& program;
    const RenderRequest& request;
    const TakeRenderings& take;
    std::string common;
    std::vector<std::optional<Rendering>> fixed;

  private:
    std::mutex mutex_;
    size_t next_ = 0;
    Result<> result_;
};

class Worker {
  public:
    explicit Worker(Work& work) : work_(work) {}

    /// Starts the process and gives it the templates that are still rendered.
    Result<> start() {
        process_.reset();
        process_.emplace(TRY(RenderProcess::start(work_.program)));
        std::string requests = work_.common;
        std::vector<size_t> ids;
        for (size_t id = 0; id < work_.fixed.size(); ++id) {
            if (work_.fixed_rendering(id)) continue;
            ids.push_back(id);
            requests += load_request(id, work_.request.templates[id]);
        }
        std::vector<std::string> answers = process_->exchange(requests, ids.size());
        if (answers.size() < ids.size())
            return permanent_error("loading the templates ", process_->epitaph());
        for (size_t i = 0; i < ids.size(); ++i)
            TRY(take_loaded(ids[i], answers[i]));
        return {};
    }

    /// Renders the shared templates, which read nothing of the node, for the first one.
    Result<> render_shared() {
        for (size_t id : shared_)
            if (!work_.fixed_rendering(id)) work_.fix(id, TRY(render_alone(0, id)));
        return {};
    }

    Result<> run() {
        while (true) {
            auto [first, last] = work_.next();
            if (first == last) return {};
            TRY(render_nodes(first, last));
        }
    }

  private:
    Result<> take_loaded(size_t id, const std::string& answer) {
        Json json = TRY(parse_json(answer, "the answer of mangrove-render"));
        if (std::string problem = text_at(json.get(), "error"); !problem.empty())
            work_.fix(id, permanent_error(problem));
        else if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json.get(), "shared")))
            shared_.push_back(id);
        return {};
    }

    struct Asked {
        size_t node;
        size_t id;

        auto operator<=>(const Asked&) const = default;
    };
    using Done = std::map<Asked, Rendering>;

    std::string node_request(size_t node) const {
        return text("{\"node\":", work_.request.nodes[node], "}\n");
    }

    Result<> render_nodes(size_t first, size_t last) {
        std::vector<Asked> asked;
        std::string requests;
        for (size_t node = first; node < last; ++node) {
            requests += node_request(node);
            for (size_t id = 0; id < work_.fixed.size(); ++id) {
                if (work_.fixed_rendering(id)) continue;
                asked.push_back({node, id});
                requests += text("{\"render\":", id, "}\n");
            }
        }
        Done done;
        std::vector<std::string> answers = process_->exchange(requests, asked.size());
        bool is_ended = answers.size() < asked.size();
        for (size_t i = 0; i < std::min(answers.size(), asked.size()); ++i) {
            Answer answer = read_answer(answers[i]);
            if (answer.is_last) work_.fix(asked[i].id, answer.rendering);
            is_ended = is_ended || answer.is_last;
            done.emplace(asked[i], std::move(answer.rendering));
        }
        if (is_ended) TRY(start());
        // Asking one by one finds the request that ended it.
        for (size_t i = answers.size(); i < asked.size(); ++i)
            done.emplace(asked[i], TRY(render_alone(asked[i].node, asked[i].id)));
        for (size_t node = first; node < last; ++node)
            TRY(pass_on(node, done));
        return {};
    }

    /// Renders one template for one node. If that ends the process, it is rendered for no other one.
    Result<Rendering> render_alone(size_t node, size_t id) {
        if (const Rendering* fixed = work_.fixed_rendering(id)) return *fixed;
        std::string request = node_request(node) + text("{\"render\":", id, "}\n");
        std::vector<std::string> answers = process_->exchange(request, 1);
        Answer answer = answers.empty()
                            ? Answer{permanent_error("template: ", work_.request.templates[id].name, ": ",
                                                     process_->epitaph()),
                                     true}
                            : read_answer(answers[0]);
        if (!answer.is_last) return std::move(answer.rendering);
        work_.fix(id, answer.rendering);
        TRY(start());
        return std::move(answer.rendering);
    }

    Result<> pass_on(size_t node, const Done& done) {
        std::vector<const Rendering*> renderings;
        for (size_t id = 0; id < work_.fixed.size(); ++id) {
            auto found = done.find({node, id});
            renderings.push_back(found != done.end() ? &found->second : work_.fixed_rendering(id));
        }
        return work_.take(node, renderings);
    }

    Work& work_;
    std::optional<RenderProcess> process_;
    std::vector<size_t> shared_;
};

} // namespace

Result<> render(const RenderProgram& program, const RenderRequest& request, const TakeRenderings& take) {
    if (request.nodes.empty()) return {};
    Work work(program, request, take);
    Worker first(work);
    TRY(first.start(), "starting mangrove-render");
    TRY(first.render_shared());
    auto run = [&work](Worker& worker, bool is_started) {
        Result<> done = is_started ? Result<>() : worker.start();
        if (done) done = worker.run();
        if (!done) work.fail(std::move(done).error());
    };
    std::vector<std::jthread> others;
    for (size_t i = 1; i < kProcesses && request.nodes.size() > kNodesAtOnce; ++i)
        others.emplace_back([&] {
            Worker worker(work);
            run(worker, false);
        });
    run(first, true);
    others.clear();
    return work.result();
}

} // namespace mangrove::head

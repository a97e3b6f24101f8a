#include "head/power/programs.h"

#include <chrono>

#include "head/host/program.h"

namespace mangrove::head {

namespace {

constexpr std::chrono::seconds kLimit{60};

/// The last line: those before it are what the program tried.
std::string_view last_line(std::string_view said) {
    said = trim(said);
    return said.substr(said.rfind('\n') + 1);
}

using Explain = std::string (*)(std::string_view said, const Bmc& bmc);

Result<std::string> run(const Program& program, const Bmc& bmc, Explain explain) {
    Result<std::string> printed = run_program(program);
    if (!printed) printed.error().what = explain(printed.error().what, bmc);
    return printed;
}

/// IPMI 2.0 with RMCP+. OPERATOR is the role that chassis control needs.
class IpmiDevice : public PowerDevice {
  public:
    IpmiDevice(Bmc bmc, std::string password) : bmc_(std::move(bmc)), password_(std::move(password)) {}

    Result<PowerState> state() override { return ipmitool_state(TRY(chassis_power(PowerOrder::status))); }
    Result<> change(PowerOrder order) override {
        TRY(chassis_power(order));
        return {};
    }

  private:
    Result<std::string> chassis_power(PowerOrder order) {
        Program program{.words = {"ipmitool", "-I", "lanplus", "-v", "-R", "3", "-L", "OPERATOR", "-H",
                                  bmc_.address.host, "-p", text(bmc_.address.port.value_or(623))},
                        .package = "ipmitool",
                        // The first is taken, where the environment of this program has one of its own.
                        .environment = {"IPMITOOL_PASSWORD=" + password_, "IPMI_PASSWORD=" + password_},
                        .limit = kLimit};
        if (!bmc_.user.empty()) program.words.insert(program.words.end(), {"-U", bmc_.user});
        program.words.insert(program.words.end(), {"-E", "chassis", "power", std::string(name_of(order))});
        return run(program, bmc_, ipmitool_problem);
    }

    Bmc bmc_;
    std::string password_;
};

class PowermanDevice : public PowerDevice {
  public:
    explicit PowermanDevice(Bmc bmc) : bmc_(std::move(bmc)) {}

    Result<PowerState> state() override { return powerman_state(TRY(powerman("-q"))); }
    Result<> change(PowerOrder order) override {
        TRY(powerman(order == PowerOrder::on ? "-1" : order == PowerOrder::off ? "-0" : "-c"));
        return {};
    }

  private:
    Result<std::string> powerman(const char* order) {
        const HostPort& address = bmc_.address;
        std::string server = bracketed(address.host);
        if (address.port) server += text(":", *address.port);
        return run({.words = {"powerman", "-h", server, order, bmc_.system.empty() ? bmc_.node : bmc_.system},
                    .package = "powerman",
                    .limit = kLimit},
                   bmc_, powerman_problem);
    }

    Bmc bmc_;
};

} // namespace

PowerState ipmitool_state(std::string_view printed) {
    if (printed.contains("Chassis Power is on")) return PowerState::on;
    return printed.contains("Chassis Power is off") ? PowerState::off : PowerState::unknown;
}

std::string ipmitool_problem(std::string_view said, const Bmc& bmc) {
    if (said.contains("HMAC is invalid") || said.contains("invalid integrity check value"))
        return "wrong password; set bmc.secret";
    if (said.contains("unauthorized name"))
        return text("the BMC does not know the user '", bmc.user, "'; set bmc.user");
    if (said.contains("invalid role") || said.contains("unauthorized role")
        || said.contains("insufficient privilege") || said.contains("Set Session Privilege Level"))
        return text("the user '", bmc.user, "' may not switch power; give it the role operator");
    if (said.contains("does not support IPMI v2")) return "the BMC does not offer IPMI 2.0; enable it there";
    if (said.contains("Address lookup"))
        return text("no address for the name ", bmc.address.host, "; set bmc.address");
    if (said.contains("Error issuing Get Channel Authentication"))
        return "no answer; check bmc.address, the network, and that the BMC has IPMI over LAN on";
    return std::string(last_line(said));
}

PowerState powerman_state(std::string_view printed) {
    for (const std::string& line : split(printed, '\n')) {
        size_t colon = line.find(':');
        if (colon == std::string::npos || trim(std::string_view(line).substr(colon + 1)).empty()) continue;
        if (line.starts_with("on:")) return PowerState::on;
        if (line.starts_with("off:")) return PowerState::off;
    }
    return PowerState::unknown;
}

std::string powerman_problem(std::string_view said, const Bmc& bmc) {
    if (said.contains("No such nodes"))
        return text("powerman does not know ", bmc.system.empty() ? bmc.node : bmc.system,
                    "; set bmc.system to its name in powerman.conf");
    if (said.contains("could not connect")) return "no answer; check bmc.address and powermand there";
    if (said.contains("getaddrinfo"))
        return text("no address for the name ", bmc.address.host, "; set bmc.address");
    return std::string(last_line(said));
}

std::unique_ptr<PowerDevice> make_ipmi_device(Bmc bmc, std::string password) {
    return std::make_unique<IpmiDevice>(std::move(bmc), std::move(password));
}

std::unique_ptr<PowerDevice> make_powerman_device(Bmc bmc) {
    return std::make_unique<PowermanDevice>(std::move(bmc));
}

} // namespace mangrove::head

#include "iscsi/login.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mangrove::iscsi {
namespace {

using testing::HasSubstr;

constexpr std::string_view kOperationalAnswer = "TargetPortalGroupTag=3;HeaderDigest=None;DataDigest=None;"
                                                "InitialR2T=Yes;ImmediateData=Yes;MaxBurstLength=262144;"
                                                "FirstBurstLength=65536;MaxRecvDataSegmentLength=131072";

/// A login response, whose text is written with ";" for each NUL.
struct Response {
    unsigned stage = 1;
    std::optional<unsigned> next_stage = {}; ///< set: the transit bit too
    std::string text = {};
    uint16_t status = 0;
    bool more_follows = false;
    uint16_t session_handle = 1;

    Pdu to_pdu() const {
        Pdu pdu = {Bytes(kHeaderSize), {}};
        pdu.header[0] = 0x23;
        pdu.header[1] = static_cast<uint8_t>((stage << 2) | next_stage.value_or(0));
        if (next_stage) pdu.header[1] |= 0x80;
        if (more_follows) pdu.header[1] |= 0x40;
        pdu.header[15] = static_cast<uint8_t>(session_handle);
        pdu.header[27] = 9; // StatSN
        pdu.header[36] = static_cast<uint8_t>(status >> 8);
        pdu.header[37] = static_cast<uint8_t>(status);
        for (char c : text)
            pdu.data.push_back(c == ';' ? 0 : static_cast<uint8_t>(c));
        if (!text.empty() && !more_follows) pdu.data.push_back(0);
        return pdu;
    }
};

LoginOptions options() {
    LoginOptions options;
    options.initiator = "iqn.2026-11.org.mangrove:node";
    options.target = "iqn.2026-11.org.example:image";
    options.isid = isid_of_session(0x010203);
    return options;
}

LoginOptions options_with_chap() {
    LoginOptions with_chap = options();
    with_chap.chap = ChapSecrets{"node", "secret-of-the-node", "", ""};
    return with_chap;
}

LoginOptions options_with_mutual_chap() {
    LoginOptions with_chap = options_with_chap();
    with_chap.chap->username_in = "target";
    with_chap.chap->password_in = "secret-of-target";
    with_chap.random = Bytes(Chap::kRandomSize, 0x5a);
    return with_chap;
}

struct Request {
    bool transit;
    unsigned stage;
    unsigned next_stage;
    TextKeys keys;
};
Request read(const Pdu& pdu) {
    EXPECT_EQ(pdu.header.size(), kHeaderSize);
    EXPECT_EQ(pdu.header[0], 0x43);
    uint8_t flags = pdu.header[1];
    return {(flags & 0x80) != 0, (flags >> 2) & 3U, flags & 3U, *TextKeys::parse(pdu.data)};
}

std::string error_of(const Result<LoginStep>& step) {
    return step ? "no error" : step.error().what;
}

/// The next request of a login that goes on.
Request continued(Login& login, const Response& response) {
    Result<LoginStep> step = login.answer(response.to_pdu());
    EXPECT_TRUE(step) << error_of(step);
    if (!step || !std::holds_alternative<Pdu>(*step)) {
        ADD_FAILURE() << "the login does not go on";
        return {};
    }
    return read(std::get<Pdu>(*step));
}

Result<LoginStep> first_answer(const LoginOptions& with, const Response& response) {
    Login login(with);
    EXPECT_TRUE(login.start());
    return login.answer(response.to_pdu());
}

TEST(Isid, FollowsTheFormulaOfOpenIscsi) {
    EXPECT_EQ(isid_of_session(0x01020304), (Isid{0x00, 0x02, 0x3d, 0x02, 0x03, 0x04}));
}

TEST(Login, SaysItAllInTheFirstPduWithoutChap) {
    Login login(options());
    Pdu pdu = *login.start();
    EXPECT_EQ(Bytes(pdu.header.begin() + 8, pdu.header.begin() + 14),
              (Bytes{0x00, 0x02, 0x3d, 0x01, 0x02, 0x03}));
    EXPECT_EQ((size_t{pdu.header[6]} << 8) | pdu.header[7], pdu.data.size());
    Request request = read(pdu);
    EXPECT_TRUE(request.transit);
    EXPECT_EQ(request.stage, 1U);
    EXPECT_EQ(request.next_stage, 3U);
    EXPECT_EQ(request.keys.value("InitiatorName"), "iqn.2026-11.org.mangrove:node");
    EXPECT_EQ(request.keys.value("TargetName"), "iqn.2026-11.org.example:image");
    EXPECT_EQ(request.keys.value("SessionType"), "Normal");
    EXPECT_EQ(request.keys.value("HeaderDigest"), "None");
    EXPECT_EQ(request.keys.value("AuthMethod"), std::nullopt);
}

TEST(Login, TakesWhatTheTargetAnswers) {
    Result<LoginStep> step =
        first_answer(options(), {.next_stage = 3, .text = std::string(kOperationalAnswer)});
    ASSERT_TRUE(step) << error_of(step);
    Negotiated agreed = std::get<Negotiated>(*step);
    EXPECT_EQ(agreed.expected_status_number, 10U);
    EXPECT_EQ(agreed.target_portal_group, 3U);
    EXPECT_EQ(agreed.max_transmit_data_segment, 131072U);
    EXPECT_EQ(agreed.max_burst, 262144U);
    EXPECT_EQ(agreed.first_burst, 65536U);
    EXPECT_TRUE(agreed.initial_r2t);
    EXPECT_TRUE(agreed.immediate_data);
    EXPECT_EQ(agreed.header_digest, Digest::none);
}

TEST(Login, TakesTheDefaultsOfTheStandardForWhatIsNotAnswered) {
    for (std::string text :
         {"", "MaxBurstLength=Irrelevant;InitialR2T=NotUnderstood;FirstBurstLength=Reject"}) {
        Result<LoginStep> step = first_answer(options(), {.next_stage = 3, .text = text});
        ASSERT_TRUE(step) << error_of(step);
        Negotiated agreed = std::get<Negotiated>(*step);
        EXPECT_EQ(agreed.max_transmit_data_segment, 8192U);
        EXPECT_EQ(agreed.max_burst, 262144U);
        EXPECT_EQ(agreed.first_burst, 65536U);
        EXPECT_TRUE(agreed.initial_r2t);
        EXPECT_EQ(agreed.target_portal_group, 1U);
    }
}

TEST(Login, NeverLetsTheFirstBurstBeLongerThanABurst) {
    Result<LoginStep> step =
        first_answer(options(), {.next_stage = 3,
                                 .text = "MaxBurstLength=0x8000;FirstBurstLength=262144;ImmediateData=No"});
    Negotiated agreed = std::get<Negotiated>(*step);
    EXPECT_EQ(agreed.max_burst, 32768U);
    EXPECT_EQ(agreed.first_burst, 32768U);
    EXPECT_FALSE(agreed.immediate_data);
}

TEST(Login, InsistsOnTheDigestsThatWereAskedFor) {
    LoginOptions with_digest = options();
    with_digest.data_digest = Digest::crc32c;
    Result<LoginStep> step = first_answer(with_digest, {.next_stage = 3, .text = "DataDigest=CRC32C"});
    EXPECT_EQ(std::get<Negotiated>(*step).data_digest, Digest::crc32c);
    EXPECT_THAT(error_of(first_answer(with_digest, {.next_stage = 3, .text = "DataDigest=Reject"})),
                HasSubstr("does not support DataDigest=CRC32C"));
    EXPECT_FALSE(first_answer(with_digest, {.next_stage = 3}));
    EXPECT_FALSE(first_answer(options(), {.next_stage = 3, .text = "HeaderDigest=CRC32C"}));
}

TEST(Login, SaysWhyItWasRefused) {
    struct {
        uint16_t status;
        std::string_view what;
        bool is_transient;
    } const cases[] = {
        {0x0200, "the target refused the initiator (0200)", false},
        {0x0201, "authentication failed (0201); the definition has no 'chap'", false},
        {0x0202, "the initiator is not allowed to use this target (0202)", false},
        {0x0203, "target not found (0203)", false},
        {0x0204, "the target was removed (0204)", false},
        {0x0205, "unsupported iSCSI version (0205)", false},
        {0x0206, "too many connections (0206)", false},
        {0x0207, "missing parameter (0207)", false},
        {0x0208, "the target cannot include the connection in the session (0208)", false},
        {0x0209, "session type not supported (0209)", false},
        {0x020a, "the session does not exist (020a)", false},
        {0x020b, "invalid during login (020b)", false},
        {0x0300, "target error (0300)", true},
        {0x0301, "target unavailable (0301)", true},
        {0x0302, "the target is out of resources (0302)", true},
        {0x0399, "unknown login status (0399)", true},
        {0x0900, "unknown login status (0900)", false},
    };
    for (const auto& each : cases) {
        Result<LoginStep> step = first_answer(options(), {.status = each.status});
        EXPECT_EQ(error_of(step), each.what);
        EXPECT_EQ(step.error().is_transient(), each.is_transient) << each.what;
    }
    EXPECT_EQ(error_of(first_answer(options_with_chap(), {.stage = 0, .status = 0x0201})),
              "authentication failed (0201)");
}

TEST(Login, FollowsARedirect) {
    struct {
        uint16_t status;
        std::string address;
        Portal portal;
        Redirect::Duration duration;
    } const cases[] = {
        {0x0101, "192.0.2.11", {"192.0.2.11", 3260}, Redirect::Duration::temporary},
        {0x0101, "192.0.2.11:860,2", {"192.0.2.11", 860}, Redirect::Duration::temporary},
        {0x0102, "[2001:db8::1]:3261", {"2001:db8::1", 3261}, Redirect::Duration::permanent},
        {0x0102, "[2001:db8::1],1", {"2001:db8::1", 3260}, Redirect::Duration::permanent},
        {0x0101, "storage.example:3260", {"storage.example", 3260}, Redirect::Duration::temporary},
    };
    for (const auto& each : cases) {
        Result<LoginStep> step =
            first_answer(options(), {.text = "TargetAddress=" + each.address, .status = each.status});
        ASSERT_TRUE(step) << error_of(step);
        Redirect redirect = std::get<Redirect>(*step);
        EXPECT_EQ(redirect.portal, each.portal) << each.address;
        EXPECT_EQ(redirect.duration, each.duration);
    }
}

TEST(Login, RefusesARedirectToNowhere) {
    for (std::string text : {"", "TargetAlias=x", "TargetAddress=", "TargetAddress=[::1", "TargetAddress=a:0",
                             "TargetAddress=a:65536", "TargetAddress=a:b", "TargetAddress=:3260",
                             "TargetAddress=[::1]3260", "TargetAddress=::1"})
        EXPECT_FALSE(first_answer(options(), {.text = text, .status = 0x0101})) << text;
}

TEST(Login, PutsAnAnswerInPartsTogether) {
    Login login(options());
    ASSERT_TRUE(login.start());
    Request request = continued(login, {.text = "MaxBurst", .more_follows = true});
    EXPECT_FALSE(request.transit);
    EXPECT_TRUE(request.keys.empty());
    request = continued(login, {.text = "Length=65536;MaxRecv", .more_follows = true});
    EXPECT_TRUE(request.keys.empty());
    Result<LoginStep> step =
        login.answer(Response{.next_stage = 3, .text = "DataSegmentLength=4096"}.to_pdu());
    // The last request did not offer to go on.
    EXPECT_THAT(error_of(step), HasSubstr("unasked"));

    Login patient(options());
    ASSERT_TRUE(patient.start());
    continued(patient, {.text = "MaxBurst", .more_follows = true});
    request = continued(patient, {.text = "Length=65536;MaxRecvDataSegmentLength=4096"});
    EXPECT_TRUE(request.transit);
    step = patient.answer(Response{.next_stage = 3}.to_pdu());
    ASSERT_TRUE(step) << error_of(step);
    EXPECT_EQ(std::get<Negotiated>(*step).max_burst, 65536U);
    EXPECT_EQ(std::get<Negotiated>(*step).max_transmit_data_segment, 4096U);
}

TEST(Login, AnswersUnknownOffersAndEmptyPdus) {
    Login login(options());
    ASSERT_TRUE(login.start());
    Request request = continued(login, {.text = "X-org.example.fast=Yes;TargetAlias=image"});
    EXPECT_TRUE(request.transit);
    EXPECT_THAT(request.keys.all(), testing::ElementsAre(TextKey{"X-org.example.fast", "NotUnderstood"}));
    EXPECT_TRUE(continued(login, {}).keys.empty());
    EXPECT_TRUE(login.answer(Response{.next_stage = 3}.to_pdu()));
}

TEST(Login, RefusesNonsense) {
    const Response refused[] = {
        {.next_stage = 3, .text = "MaxBurstLength=many"},
        {.next_stage = 3, .text = "MaxBurstLength=511"},
        {.next_stage = 3, .text = "MaxRecvDataSegmentLength=16777216"},
        {.next_stage = 3, .text = "MaxRecvDataSegmentLength=-1"},
        {.next_stage = 3, .text = "InitialR2T=Maybe"},
        {.next_stage = 3, .text = "ImmediateData=Yes;ImmediateData=No"},
        {.next_stage = 3, .text = "TargetPortalGroupTag=65536"},
        {.next_stage = 3, .text = "no key"},
        {.next_stage = 3, .session_handle = 0},
        {.next_stage = 1},
        {.next_stage = 2},
        {.stage = 0, .next_stage = 1},
        {.stage = 3},
    };
    for (const Response& response : refused) {
        Result<LoginStep> step = first_answer(options(), response);
        ASSERT_FALSE(step) << response.text;
        EXPECT_FALSE(step.error().is_transient());
    }
}

TEST(Login, RefusesWhatIsNoLoginResponse) {
    Login login(options());
    ASSERT_TRUE(login.start());
    for (uint8_t opcode : Bytes{0x00, 0x20, 0x21, 0x24, 0x26, 0x32, 0x3f}) {
        Pdu pdu = Response{}.to_pdu();
        pdu.header[0] = opcode;
        EXPECT_FALSE(login.answer(pdu)) << int{opcode};
    }
    EXPECT_FALSE(login.answer(Pdu{}));
    EXPECT_FALSE(login.answer(Pdu{Bytes(47, 0x23), {}}));
}

TEST(Login, ComesToAnEnd) {
    for (bool more_follows : {true, false}) {
        Login login(options());
        ASSERT_TRUE(login.start());
        Result<LoginStep> step = Pdu{};
        int rounds = 0;
        while (step && ++rounds < 1000)
            step = login.answer(Response{.more_follows = more_follows}.to_pdu());
        EXPECT_THAT(error_of(step), HasSubstr("the login did not finish after"));
    }
    Login login(options());
    ASSERT_TRUE(login.start());
    Response large = {.text = std::string(8192, 'x'), .more_follows = true};
    Result<LoginStep> step = Pdu{};
    while (step)
        step = login.answer(large.to_pdu());
    EXPECT_THAT(error_of(step), HasSubstr("longer than 65536 bytes"));
}

TEST(Login, RefusesNamesThatAreNone) {
    LoginOptions without_target = options();
    without_target.target.clear();
    EXPECT_FALSE(Login(without_target).start());
    LoginOptions too_long = options();
    too_long.initiator = std::string(224, 'x');
    EXPECT_FALSE(Login(too_long).start());
}

TEST(LoginWithChap, ProvesItself) {
    Login login(options_with_chap());
    Request request = read(*login.start());
    EXPECT_FALSE(request.transit);
    EXPECT_EQ(request.stage, 0U);
    EXPECT_EQ(request.keys.value("AuthMethod"), "CHAP");
    request = continued(login, {.stage = 0, .text = "AuthMethod=CHAP;TargetPortalGroupTag=2"});
    EXPECT_FALSE(request.transit);
    EXPECT_EQ(request.keys.value("CHAP_A"), "7,5");
    request = continued(login, {.stage = 0, .text = "CHAP_A=5;CHAP_I=39;CHAP_C=0x0102"});
    EXPECT_TRUE(request.transit);
    EXPECT_EQ(request.next_stage, 1U);
    EXPECT_EQ(request.keys.value("CHAP_N"), "node");
    EXPECT_EQ(request.keys.value("CHAP_I"), std::nullopt);
    request = continued(login, {.stage = 0, .next_stage = 1});
    EXPECT_EQ(request.stage, 1U);
    EXPECT_TRUE(request.transit);
    EXPECT_EQ(request.keys.value("InitialR2T"), "No");
    EXPECT_EQ(request.keys.value("InitiatorName"), std::nullopt);
    Result<LoginStep> step = login.answer(Response{.next_stage = 3}.to_pdu());
    ASSERT_TRUE(step) << error_of(step);
    EXPECT_EQ(std::get<Negotiated>(*step).target_portal_group, 2U);
    EXPECT_EQ(std::get<Negotiated>(*step).chap, ChapAlgorithm::md5);
}

TEST(LoginWithChap, RefusesATargetThatLetsEverybodyIn) {
    for (const Response& response : {Response{.stage = 0, .text = "AuthMethod=None"},
                                     Response{.stage = 0, .next_stage = 1, .text = "AuthMethod=None"},
                                     Response{.stage = 0, .next_stage = 1}}) {
        auto step = first_answer(options_with_chap(), response);
        ASSERT_FALSE(step);
        EXPECT_EQ(step.error().what,
                  "the target requires no authentication (AuthMethod=None), but the definition has "
                  "'chap'; enable CHAP on the target or remove 'chap'");
    }
}

TEST(LoginWithChap, OffersToTryMd5WhenSha256IsRefused) {
    auto answer_with = [](std::vector<ChapAlgorithm> algorithms, std::string chosen) {
        LoginOptions with = options_with_chap();
        with.algorithms = std::move(algorithms);
        Login login(with);
        EXPECT_TRUE(login.start());
        continued(login, {.stage = 0, .text = "AuthMethod=CHAP"});
        continued(login, {.stage = 0, .text = "CHAP_A=" + chosen + ";CHAP_I=1;CHAP_C=0x01"});
        return login.answer(Response{.stage = 0, .status = 0x0300}.to_pdu());
    };
    Result<LoginStep> step = answer_with({ChapAlgorithm::sha256, ChapAlgorithm::md5}, "7");
    ASSERT_TRUE(step) << error_of(step);
    EXPECT_EQ(std::get<Sha256Refused>(*step).refusal.what, "target error (0300)");
    EXPECT_FALSE(answer_with({ChapAlgorithm::sha256, ChapAlgorithm::md5}, "5"));
    EXPECT_FALSE(answer_with({ChapAlgorithm::sha256}, "7"));
}

TEST(LoginWithChap, NeverGoesOnWithoutTheProofOfAMutualTarget) {
    auto refused = [](std::initializer_list<Response> responses) {
        Login login(options_with_mutual_chap());
        EXPECT_TRUE(login.start());
        Result<LoginStep> step = Pdu{};
        for (const Response& response : responses) {
            EXPECT_TRUE(step) << error_of(step);
            step = login.answer(response.to_pdu());
        }
        return !step;
    };
    Response method = {.stage = 0, .text = "AuthMethod=CHAP"};
    Response challenge = {.stage = 0, .text = "CHAP_A=7;CHAP_I=1;CHAP_C=0x01"};
    EXPECT_TRUE(refused({{.stage = 0, .text = "AuthMethod=None"}}));
    EXPECT_TRUE(refused({{.stage = 0, .next_stage = 1, .text = "AuthMethod=None"}}));
    EXPECT_TRUE(refused({{.stage = 0, .next_stage = 1}}));
    EXPECT_TRUE(refused({{.stage = 0, .next_stage = 1, .text = "AuthMethod=CHAP"}}));
    EXPECT_TRUE(refused({method, {.stage = 0, .next_stage = 1, .text = "CHAP_A=7;CHAP_I=1;CHAP_C=0x01"}}));
    EXPECT_TRUE(refused({method, challenge, {.stage = 0, .next_stage = 1}}));
    EXPECT_TRUE(
        refused({method, challenge, {.stage = 0, .next_stage = 1, .text = "CHAP_N=target;CHAP_R=0x00"}}));
}

TEST(LoginWithChap, BelievesTheProofOfAMutualTarget) {
    Login login(options_with_mutual_chap());
    EXPECT_EQ(read(*login.start()).keys.value("AuthMethod"), "CHAP");
    continued(login, {.stage = 0, .text = "AuthMethod=CHAP"});
    Request request = continued(login, {.stage = 0, .text = "CHAP_A=7;CHAP_I=1;CHAP_C=0x01"});
    Bytes proof = chap_response(ChapAlgorithm::sha256,
                                static_cast<uint8_t>(*parse_number(*request.keys.value("CHAP_I"))),
                                "secret-of-target", *parse_binary_value(*request.keys.value("CHAP_C")));
    request = continued(login, {.stage = 0, .next_stage = 1, .text = "CHAP_N=target;CHAP_R=0x" + hex(proof)});
    EXPECT_EQ(request.stage, 1U);
}

TEST(LoginWithChap, LetsWhoTellsOfTargetsDoWithout) {
    LoginOptions discovery = options_with_mutual_chap();
    discovery.type = SessionType::discovery;
    discovery.target.clear();
    Login login(discovery);
    Request first = read(*login.start());
    EXPECT_EQ(first.keys.value("AuthMethod"), "CHAP,None");
    EXPECT_EQ(first.keys.value("SessionType"), "Discovery");
    EXPECT_FALSE(first.keys.value("TargetName"));
    Request operational = continued(login, {.stage = 0, .next_stage = 1, .text = "AuthMethod=None"});
    EXPECT_EQ(operational.stage, 1U);
    EXPECT_FALSE(operational.keys.value("MaxConnections"));
}

TEST(LoginWithChap, WantsTwoSecrets) {
    LoginOptions same = options_with_mutual_chap();
    same.chap->password_in = same.chap->password;
    Result<Pdu> start = Login(same).start();
    ASSERT_FALSE(start);
    EXPECT_THAT(start.error().what, testing::Not(HasSubstr(same.chap->password)));
}

TEST(LoginWithChap, RefusesATargetThatDoesNotDoIt) {
    for (std::string text : {"AuthMethod=Reject", "AuthMethod=KRB5", "TargetAlias=x", ""})
        EXPECT_FALSE(first_answer(options_with_chap(), {.stage = 0, .text = text})) << text;
}

TEST(Logout, ClosesTheSession) {
    Pdu pdu = logout_request(77);
    EXPECT_EQ(pdu.header[0], 0x46);
    EXPECT_EQ(pdu.header[1], 0x80);
    EXPECT_EQ(pdu.header[31], 77);
    pdu.header[0] = 0x26;
    EXPECT_TRUE(is_logout_response(pdu));
    EXPECT_FALSE(is_logout_response(Response{}.to_pdu()));
    EXPECT_FALSE(is_logout_response(Pdu{}));
}

} // namespace
} // namespace mangrove::iscsi

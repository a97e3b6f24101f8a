#include "head/image/image_checks.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {

namespace {

struct ImageChecksTest : testing::Test {
    Stage work = make_test_directory();

    void SetUp() override {
        shell(work.path,
              "mkdir -p tree/dev tree/proc tree/run tree/sys tree/tmp tree/sbin tree/etc; : >tree/sbin/init");
    }
    std::string warnings(const std::string& command) {
        shell(work.path / "tree", command);
        return join(image_warnings(work.path / "tree"), "\n");
    }
};

TEST_F(ImageChecksTest, nothing_is_said_of_a_good_image) {
    EXPECT_EQ(
        warnings(
            "printf 'root:!:19000::::::\\nbin:*:1::\\nx:!*:1\\n' >etc/shadow; "
            "printf 'root:x:0:0::/root:/bin/sh\\n' >etc/passwd; : >etc/machine-id; "
            "mkdir -p etc/ssl/private etc/NetworkManager/system-connections; "
            "echo '-----BEGIN CERTIFICATE-----' >etc/ssl/private/public.pem; mkfifo etc/ssl/private/fifo; "
            "echo 'id=1' >etc/NetworkManager/system-connections/wired"),
        "");
}

TEST_F(ImageChecksTest, mount_points) {
    EXPECT_EQ(warnings("rmdir run proc; ln -s /etc/passwd run"),
              "the image has no directory /proc, /run; a node with a read-only root cannot boot it, make "
              "them in the "
              "source");
}

TEST_F(ImageChecksTest, init) {
    EXPECT_EQ(warnings("rm sbin/init"),
              "the image has no /sbin/init and no systemd; nodes cannot boot it as their root");
    EXPECT_EQ(
        warnings("mkdir -p usr/lib/systemd; : >usr/lib/systemd/systemd"),
        "the image has no /sbin/init; nodes need \"command\": \"/usr/lib/systemd/systemd\" in the definition "
        "(publish --command)");
    EXPECT_EQ(warnings("ln -s /usr/lib/systemd/systemd sbin/init"), "");
}

TEST_F(ImageChecksTest, each_kind_of_secret_has_a_line) {
    std::string end = "; any client of the server that publishes it can read this";
    std::string said = warnings(R"(
        mkdir -p etc/ssh etc/munge etc/ssl/private root/.ssh home/alice/.ssh var/lib/dbus etc/ceph etc/wireguard
        printf 'root:$6$salt$hashhashhash:19000:
alice:!$y$j9T$lockedlocked:1:
' >etc/shadow
        for kind in rsa ecdsa ed25519 dsa other; do echo key >etc/ssh/ssh_host_${kind}_key; done
        echo key >etc/munge/munge.key; echo key >etc/krb5.keytab
        echo '-----BEGIN RSA PRIVATE KEY-----' | tee etc/ssl/private/server.key >home/alice/.ssh/id_rsa
        echo 0123456789abcdef0123456789abcdef | tee var/lib/dbus/machine-id >etc/machine-id
        echo PrivateKey=x= >etc/wireguard/wg0.conf
    )");
    for (const char* line :
         {"password hashes (/etc/shadow)",
          "SSH host keys (/etc/ssh/ssh_host_dsa_key, /etc/ssh/ssh_host_ecdsa_key, "
          "/etc/ssh/ssh_host_ed25519_key, "
          "/etc/ssh/ssh_host_other_key and 1 more)",
          "SSH private keys (/home/alice/.ssh/id_rsa)", "TLS private keys (/etc/ssl/private/server.key)",
          "the MUNGE key (/etc/munge/munge.key)", "Kerberos keytabs (/etc/krb5.keytab)",
          "network passwords (/etc/wireguard/wg0.conf)"})
        EXPECT_NE(said.find(text("the image contains ", line, end)), std::string::npos) << line << "\n"
                                                                                        << said;
    EXPECT_NE(
        said.find(
            "the image contains a machine-id (/etc/machine-id, /var/lib/dbus/machine-id); all nodes would "
            "have the same"),
        std::string::npos)
        << said;
}

TEST_F(ImageChecksTest, no_link_leads_to_the_head_node) {
    shell(
        work.path,
        "mkdir outside; printf 'root:$6$salt$hashhashhash:1:\\n' >outside/shadow; echo k >outside/munge.key");
    EXPECT_EQ(warnings("ln -s ../../outside/shadow etc/shadow; ln -s ../../outside etc/munge"), "");
}

} // namespace

} // namespace mangrove::head

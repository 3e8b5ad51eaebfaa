/*
 * Linked into the static programs for Linux. Without it, glibc reads /etc/nsswitch.conf and loads the plugins that stand there
 * (systemd, myhostname, resolve, mdns, sss, …). Those are of the machine's glibc, and in a static program with another one they
 * end in a crash, on most of today's distributions. So names come from the files below /etc and from name servers alone: both
 * are within the program.
 */
int __nss_configure_lookup(const char *database, const char *services);

__attribute__((constructor)) static void use_no_plugins(void)
{
    static const char *const files[] = {"passwd", "group", "initgroups", "shadow", "gshadow", "services", "protocols",
                                        "networks", "netgroup", "ethers", "rpc", "aliases", "publickey"};
    unsigned at;

    __nss_configure_lookup("hosts", "files dns");
    for (at = 0; at < sizeof files / sizeof *files; at++)
        __nss_configure_lookup(files[at], "files");
}

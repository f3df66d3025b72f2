//! Schemes of URIs that belong to something else than an app that asks for tokens.
//!
//! Where a browser is sent to such a URI, a program opens that has nothing to do with the client: at best it takes no notice
//! of the code, and at worst it does what the rest of the URI says. RFC 8252 section 7.1 asks for the reverse of a domain name
//! that the app's maker has, and such schemes are taken, but real clients have short ones (`cursor`, `vscode`). So those are
//! refused of which it is known whose they are: by the registry of IANA, by systems, and by programs that come with them.

/// Schemes with spaces between them, and whose they are. One that ends in an asterisk stands for all that begin so, whether
/// they have a dot or not.
const FOREIGN: &[(&str, &str)] = &[
    (
        "android-* app-prefs applescript bundle content hcp intent* ms-* prefs search search-* settings shell \
         shell-* shortcuts vnd.* workflow wsl x-apple* x-man-page x-terminal*",
        "the operating system's own",
    ),
    (
        "about brave chrome chrome-* chromium devtools dom-distiller edge edge-* ext+* feed feed+* firefox \
         firefox-* googlechrome googlechromes isolated-app livescript microsoft-edge* mocha moz-* netscape \
         opera resource safari safari-* view-* vivaldi web+* webkit* wyciwyg",
        "a browser's own, or a page's in it",
    ),
    ("ghelp gnome-help help info its man mk res yelp", "the reader of help pages"),
    (
        "appinstaller apt apturl battlenet flatpak* ios-app itms itms-* itmss javaws jnlp jnlps macappstore \
         macappstores market msi roblox roblox-* snap steam steam-* uplay winget zypp*",
        "an installer, or a shop that starts programs",
    ),
    (
        "afp afs cifs cvs dav davs file fish ftp ftps git git+* gvfs hg mtp nfs obex rsync sftp smb sshfs svn \
         svn+* tftp webdav webdavs z39.50*",
        "files, here or on a network",
    ),
    (
        "acap amqp amqps beep coap coap+* coaps coaps+* dict finger gopher http+* httpg https+* ipp \
         ipps iris iris.* ldap ldapi ldaps mqtt mqtts msrp msrps mupdate news nntp prospero redis redis+* \
         rediss rtmp rtmps rtsp rtsps rtspu snews snmp soap.* socks socks4 socks5 stun stuns tcp tn3270 turn \
         turns udp unix vemmi wais ws wss xmlrpc.* xri",
        "a protocol of the network",
    ),
    (
        "anydesk mosh nx nxs putty rdp rlogin rustdesk screensharing spice spice+* ssh ssh+* teamviewer* \
         telnet telnets vmrc vmware-* vnc x11",
        "a session on another machine",
    ),
    (
        "container containers docker docker+* jdbc k8s kubernetes mongodb mongodb+* mssql mysql mysqlx oci \
         odbc podman postgres postgresql s3 sqlite vagrant",
        "containers and databases",
    ),
    ("addressbook cid imap imaps mailto message mid outlook pop pop3 sieve smtp smtps submit", "mail"),
    ("caldav caldavs calshow carddav carddavs contacts ical webcal webcals", "calendars and contacts"),
    (
        "aim callto facetime facetime-* fb-messenger gtalk h323 iax iax2 icq im irc irc6 ircs mms mmst mmsto \
         msnim msteams mumble pres sgnl sip sips skype sms smsto teamspeak tel telprompt ts3server ventrilo \
         whatsapp xmpp ymsgr zoommtg zoomus",
        "calls and messages to people",
    ),
    ("alipay alipays bitcoin bitcoincash ethereum lightning litecoin monero payto upi weixin wxpay", "payments"),
    (
        "acct did eudi-* fido fido2 haip mdoc mdoc-* openid openid-* openid4vp otpauth otpauth-* pkcs11 \
         shoebox webauthn",
        "credentials of people",
    ),
    ("adc adcs bittorrent dat dchub dweb ed2k freenet ipfs ipns magnet thunder", "the sharing of files"),
    ("comgooglemaps comgooglemaps-* dtv dvb geo itpc maps mmsh pcast rss vlc vlc-* waze", "media and maps"),
    (
        "blob data doi example filesystem jar javascript local mhtml ni nih null oid powershell tag urn uuid \
         vbscript",
        "code, or a name that leads nowhere",
    ),
];

/// Whose a scheme is, if it is known to be nobody's who asks for tokens.
pub(super) fn foreign(scheme: &str) -> Option<&'static str> {
    let scheme = scheme.to_ascii_lowercase();
    let is = |pattern: &str| pattern.strip_suffix('*').map_or(scheme == pattern, |family| scheme.starts_with(family));
    FOREIGN.iter().find(|(patterns, _)| patterns.split(' ').any(is)).map(|(_, whose)| *whose)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::types::{RedirectKind, RedirectUri};

    /// What was registered by whoever tried, before there was a table.
    const TRIED: &str = "search-ms search ms-msdt ms-its mk hcp help shell ms-settings ms-appinstaller ms-excel ms-cxh-full smb \
        nfs afp dict gopher ldaps telnet rdp vnc itms-services android-app market jnlp jnlps applescript edge brave opera \
        safari-extension webcal magnet steam sip callto http+unix x-apple.systempreferences vnd.ms.radio SEARCH-MS Ms-Word \
        otpauth openid4vp bitcoin ssh docker postgresql mailto web+app feed:https";

    /// Clients that ask for tokens, and what looks like a scheme of the table and is none.
    const WELCOME: &str = "cursor cursor-nightly vscode vscode-insiders vscodium code-oss windsurf windsurf-next zed claude codex \
        goose raycast warp warppreview kiro lmstudio trae antigravity jetbrains idea chatgpt copilot amp devin cline continue \
        postman insomnia slack notion linear figma obsidian librechat cherrystudio boltai msty witsy arc comet dia github-desktop \
        operator browseruse databricks datadog searchlight helper edgeapp msapp marketplace mcp mcp-inspector myapp com.example.app \
        com.microsoft.shell org.search app.zed.dev x-github-client";

    #[test]
    fn attack_005_schemes_of_others() {
        for scheme in TRIED.split_whitespace().map(|text| text.split(':').next().unwrap()) {
            assert!(foreign(scheme).is_some(), "{scheme}");
        }
        for scheme in WELCOME.split_whitespace() {
            assert_eq!(foreign(scheme), None, "{scheme}");
            assert_eq!(RedirectUri::parse(&format!("{scheme}://cb")).unwrap().kind(), RedirectKind::PrivateUse);
        }
    }

    #[test]
    fn the_table_can_be_read() {
        let mut seen = BTreeSet::new();
        for (patterns, whose) in FOREIGN {
            assert!(!whose.is_empty());
            for pattern in patterns.split(' ') {
                let name = pattern.strip_suffix('*').unwrap_or(pattern);
                let is_scheme = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
                assert!(!name.is_empty() && name.bytes().all(is_scheme), "{pattern:?}");
                assert!(seen.insert(pattern), "{pattern} is there twice");
            }
            let sorted: Vec<_> = patterns.split(' ').collect();
            assert!(sorted.is_sorted(), "{whose}");
        }
    }
}

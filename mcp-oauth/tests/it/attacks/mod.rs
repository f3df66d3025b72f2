//! The security checks: "send this, and that must be the answer", each with a number that names its tests.
//!
//! A test says which clause it stands for, the exact answer, and what must not have happened. Those that touch a store
//! run on every store. Checks of one function are beside it (`src/`); here the server is attacked as a whole. What races
//! does so here at two servers in one process, and in `bins/mcp-auth/tests/it/races` at two processes, on one Redis and on a
//! cluster: 22, 35, 48 to 50, 96, 99, 105.
//!
//! | check | what is sent | where |
//! |---|---|---|
//! | 1-3 | redirect URIs that are not, or nearly, the registered one | `redirects`; `types/redirect_uri` |
//! | 4 | other ports, paths and hosts on loopback | `redirects`; `types/redirect_uri` |
//! | 5 | schemes that run code | `redirects`; `types/redirect_uri`, `server/client` |
//! | 6 | unknown clients | `redirects` |
//! | 7 | a parameter twice | `authorize`; `server/form` |
//! | 8 | other response types and modes, request objects | `authorize` |
//! | 9-11 | no challenge, another method, a challenge that is none | `authorize` |
//! | 12, 13 | answers with two `iss`, states that split | `authorize`; `server/authorize/redirect`, `types/redirect_uri` |
//! | 14, 15 | resources that are not served, and two at a time | `authorize` |
//! | 16 | scopes that are not to be had | `authorize` |
//! | 17-19 | consent that nobody has given, gave to something else, or has taken back | `consent`, `remembered` |
//! | 20 | the headers of pages | `pages`; `pages/tests` in `src` |
//! | 21, 22 | forms of other sites, of other sign-ins, and sent twice | `own_forms`, `form_faults` |
//! | 23 | cookies, and sessions that are over | `sessions`, `pages`, `surface` (110: on loopback) |
//! | 24, 25 | callbacks of an upstream provider | not applicable: users sign in on a form of this server, which goes to nobody else. Whoever brings a provider with redirects brings these checks along. What they ask of `state` is asked of our forms in 21 |
//! | 26-29 | hostile texts, loopback warnings, 303, no referrer | `pages`; `pages/tests` in `src` |
//! | 30 | authorizations that nobody goes on with | `limits`. They are kept nowhere: a page holds all of it, sealed |
//! | 31-38 | codes and verifiers | `token`; `store/contract` (35) |
//! | 39 | methods, media types, parameters in the query, at every endpoint | `surface`, `credentials` |
//! | 40, 41 | client authentication | `credentials`; `server/client_auth` (41) |
//! | 42 | a thousand wrong secrets, assertions, tokens and passwords | `limits`, `introspectors`, `sign_ins`, `credentials`; `identity/owner`. Time: 107 |
//! | 43-46 | grants, entropy, what is at rest, what is logged | `credentials`, `secrets`; `types/secret`, `identity` (44, 46), `pages/tests` (46); `bins/mcp-auth/tests/it/secrets` (45, 46) |
//! | 47-55 | refresh tokens | `refresh`, `endings`, `faults`, `form_faults`; `store/contract` (50), `identity` (53) |
//! | 56 | refresh tokens bound to a key | not applicable: tokens are not bound to keys (RFC 9449) yet |
//! | 57-67 | access tokens that are none | `jose/attacks`; `resource/tests` in `src` |
//! | 68-72 | at a resource server | `mcp-transport`, `auth/guard/tests` and `tests/it/http/guarded` |
//! | 73 | metadata of an issuer with a path, asked under forged hosts | `surface`; `server/http/service` |
//! | 74-77 | at a resource server | 75: `resource` in `src`; 74 (nothing is passed on here), 76 and 77: `mcp-transport` |
//! | 78 | redirect URIs and bodies that nobody may register | `registration`; `server/client`, `types/redirect_uri` |
//! | 79 | the type of an application | `registration`; `server/client/registration` |
//! | 80 | metadata that contradicts itself | `registration`; `server/client` |
//! | 81 | software statements | `registration`; `server/client/registration` |
//! | 82 | ten thousand registrations, the same client over and over | `limits`, `upkeep`; `types/network`, `server/client/{fingerprint,expire}` |
//! | 83 | registrations of others, and shared ones | `management`; `server/client/management` |
//! | 84 | updates that ask too much. A secret may be left out: RFC 7592 section 2.2 says that it MUST match where it is sent | `management`; `server/client/management` |
//! | 85 | a client that is gone | `management`, `endings` |
//! | 86-92 | documents, and where they lead | `server/client/{fetch,document,document_url,documents,resolve,method}`; `documents` (89: what is out of reach now is 503, what is no good 401) |
//! | 93 | documents that change | `documents` |
//! | 94 | a thousand documents | `documents`; `server/client/{cache,fetches,documents}` |
//! | 95 | a host of documents that is down, and what is refused meanwhile | `documents`; `server/client/resolve` |
//! | 96, 99, 102, 103, 105 | other grants, revocation, introspection, keys | `assertions`, `device`, `device_races`, `revocation`, `introspectors`, `keys`, `keys_under_load`, `unseen_keys`; `jose/assertion` (96), `jose/attacks/rotation` (105) |
//! | 97, 98, 100, 101, 104 | identity assertions, token exchange, pushed requests, DPoP, `/verify` | not applicable: not served yet |
//! | 106 | noise, nothing, bodies without an end, streams that are reset at once | `noise`, `socket`; `jose/attacks` |
//! | 107 | time | `comparisons`; `identity/users_file` |
//! | 108 | pages of other sites | `surface` |
//! | 109 | an admin API | `bins/mcp-auth`: there is none on HTTP, and its socket takes its own user only |
//! | 110 | plain HTTP, and an issuer on loopback | `surface` |

mod assertions;
mod authorize;
mod comparisons;
mod consent;
mod credentials;
mod device;
mod device_races;
mod documents;
mod endings;
mod faults;
mod form_faults;
mod introspectors;
mod keys;
mod keys_under_load;
mod limits;
mod listed;
mod management;
mod noise;
mod own_forms;
mod pages;
mod redirects;
mod refresh;
mod registration;
mod remembered;
mod revocation;
mod secrets;
mod sessions;
mod sign_ins;
mod socket;
mod surface;
mod token;
mod unseen_keys;
mod upkeep;

//! Whose name a server answers to.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, StatusCode};

/// The names that a request may be for.
///
/// A page of `evil.example` may let its own name lead to this machine and then ask as if it were at
/// home (DNS rebinding); the name that it was asked under gives it away.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// The address that is listened on.
    pub bound: IpAddr,
    /// Further names, as [`Hosts::name`] has them.
    pub names: Vec<String>,
}

impl Hosts {
    /// A name or an address as the `Host` of a request has it: in small letters, without a dot at
    /// its end, and no port.
    ///
    /// # Errors
    /// When it is neither.
    pub fn name(text: &str) -> Result<String, String> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if let Ok(address) = unbracketed(&name).parse::<IpAddr>() {
            return Ok(address.to_string());
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let parts = || name.split('.');
        let known = parts().all(|part| (1..64).contains(&part.len()) && part.chars().all(plain));
        // What ends with a number is an address.
        if known
            && name.len() < 254
            && parts().next_back().is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Ok(name);
        }
        Err("wanted a name or an address alone, such as pictures.example.org, without http:// and port".to_owned())
    }

    /// Why a request is not for this server, or not of a page of its own.
    pub(super) fn refuse(&self, request: &Request) -> Option<(StatusCode, String)> {
        let Some(host) = single(request.headers(), HOST) else {
            return Some((StatusCode::BAD_REQUEST, "a request names one Host".to_owned()));
        };
        // An address in the first line counts for more than the header.
        let host = request.uri().authority().map_or(host, Authority::as_str);
        let Some(authority) =
            host.parse::<Authority>().ok().filter(|authority| !host.contains('@') && is_port(authority))
        else {
            return Some((StatusCode::BAD_REQUEST, format!("the Host {host:?} is invalid")));
        };
        if !self.know(authority.host()) {
            let why = format!("{} is no name of this server; `--host NAME` adds one", authority.host());
            return Some((StatusCode::MISDIRECTED_REQUEST, why));
        }
        if !request.headers().contains_key(ORIGIN) {
            return None;
        }
        let origin = single(request.headers(), ORIGIN).and_then(|origin| origin.split_once("://"));
        match origin {
            Some(("http" | "https", page)) if page.eq_ignore_ascii_case(host) => None,
            _ => Some((StatusCode::FORBIDDEN, "a page of another server may not ask".to_owned())),
        }
    }

    /// Whether a host is this server: the address that it listens on (any, if that is all of them),
    /// `localhost`, a name that was given, or one without a dot, which nobody else can own.
    fn know(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address = unbracketed(&host);
        if self.names.iter().any(|name| name == address) {
            return true;
        }
        match address.parse::<IpAddr>() {
            Ok(address) => {
                let (address, bound) = (address.to_canonical(), self.bound.to_canonical());
                bound.is_unspecified() || address == bound || address.is_loopback() && bound.is_loopback()
            }
            // Browsers take 127.1 and 0x7f000001 for addresses too, and write them out before they
            // ask.
            Err(_) => !host.is_empty() && !host.contains(['.', ':', '[', ']']),
        }
    }
}

/// An address of version 6 stands in brackets.
fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn single(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())?.to_str().ok()
}

/// Whether what follows a host is a port, or nothing.
fn is_port(authority: &Authority) -> bool {
    authority.as_str().len() == authority.host().len() || authority.port_u16().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn status(bound: &str, host: &[&str], origin: Option<&str>) -> u16 {
        let hosts = Hosts { bound: bound.parse().unwrap(), names: vec!["pictures.example.org".to_owned()] };
        let mut request = Request::post("/predict");
        for host in host {
            request = request.header(HOST, *host);
        }
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        hosts.refuse(&request.body(Body::empty()).unwrap()).map_or(200, |(status, _)| status.as_u16())
    }

    #[test]
    fn a_request_is_for_this_server_or_refused() {
        for host in [
            "127.0.0.1:3000",
            "127.0.0.1",
            "127.0.0.2",
            "localhost:3000",
            "LOCALHOST",
            "localhost.",
            "[::1]:3000",
            "desk",
            "pictures.example.org",
            "Pictures.Example.org:80",
        ] {
            assert_eq!(status("127.0.0.1", &[host], None), 200, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:3000",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "example.org",
            "x.pictures.example.org",
            "127.1",
        ] {
            assert_eq!(status("127.0.0.1", &[host], None), 421, "{host}");
        }
        for host in [
            &[""][..],
            &[],
            &["localhost", "evil.example"],
            &["a b"],
            &["user@localhost"],
            &["localhost:x"],
            &["localhost:99999"],
            &["/"],
        ] {
            assert_eq!(status("127.0.0.1", host, None), 400, "{host:?}");
        }
        for (host, wanted) in [("192.168.1.7:3000", 200), ("[fe80::1]", 200), ("evil.example", 421)] {
            assert_eq!(status("0.0.0.0", &[host], None), wanted, "{host}");
        }
        assert_eq!(
            (status("192.168.1.7", &["192.168.1.7"], None), status("192.168.1.7", &["127.0.0.1"], None)),
            (200, 421)
        );
    }

    #[test]
    fn a_further_name_is_a_name_alone() {
        for (text, name) in [
            ("Pictures.Example.org.", "pictures.example.org"),
            ("desk", "desk"),
            ("10.0.0.1", "10.0.0.1"),
            ("[0:0::1]", "::1"),
        ] {
            assert_eq!(Hosts::name(text).as_deref(), Ok(name));
        }
        for text in
            ["", ".", "http://x", "x:3000", "x/", "a b", "a..b", "[::1]:3000", "user@x", "*.x.org", "127.1", "x,y"]
        {
            assert!(Hosts::name(text).is_err_and(|why| why.contains("without http://")), "{text}");
        }
        let hosts = Hosts { bound: [127, 0, 0, 1].into(), names: vec![Hosts::name("fe80::1").unwrap()] };
        assert!(hosts.know("[fe80::1]") && !hosts.know("[fe80::2]"));
    }

    #[test]
    fn a_page_of_another_server_may_not_ask() {
        for (origin, wanted) in [
            ("http://localhost:3000", 200),
            ("https://localhost:3000", 200),
            ("http://evil.example", 403),
            ("http://localhost:4000", 403),
            ("http://localhost", 403),
            ("null", 403),
            ("file://localhost:3000", 403),
        ] {
            assert_eq!(status("127.0.0.1", &["localhost:3000"], Some(origin)), wanted, "{origin}");
        }
    }
}

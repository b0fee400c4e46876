package main

import (
	"net"
	"testing"

	"github.com/penstock/penstock/gateway/upload"
)

func TestBrowserGuard(t *testing.T) {
	g, _ := startBoth(t, "--trusted_origins", "https://ui.example.org", "--allowed_hosts", "proxy.example.org")
	archive := api + "/runs/x:archive"
	g.do("POST", archive, "", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example.org").expect(t, 403, "--trusted_origins")
	g.do("POST", archive, "", "Sec-Fetch-Site", "same-site", "Origin", "https://evil.example.org").expect(t, 403)
	g.do("POST", archive, "", "Sec-Fetch-Site", "cross-site", "Origin", "https://ui.example.org").expect(t, 200)
	g.do("POST", archive, "", "Sec-Fetch-Site", "same-origin", "Origin", "https://behind.a.proxy").expect(t, 200)
	g.do("GET", api+"/runs", "", "Sec-Fetch-Site", "cross-site").expect(t, 200)
	g.do("GET", api+"/runs", "", "Host", "evil.example.org:8888").expect(t, 403, "--allowed_hosts")
	for _, host := range []string{"localhost:8888", "127.0.0.1", "[::1]:8888", "x.localhost", "proxy.example.org:80"} {
		g.do("GET", api+"/runs", "", "Host", host).expect(t, 200)
	}
	// On another address names are checked if there are any.
	elsewhere, server := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, (&fakeServer{}).start(t)
	g = newTestGatewayAt(t, elsewhere, server, "--allowed_hosts", "proxy.example.org")
	g.do("GET", api+"/runs", "", "Host", "any.example.org").expect(t, 403)
	g = newTestGatewayAt(t, elsewhere, server)
	g.do("GET", api+"/runs", "", "Host", "any.example.org").expect(t, 200)
}

// Where a browser reaches the gateway by a name over plain HTTP, Origin is all that it sends.
func TestThePageOfAnotherOriginIsForeign(t *testing.T) {
	g, fake := startBoth(t, "--trusted_origins", "http://ui.example.org", "--allowed_hosts", "*")
	for _, c := range []struct {
		host, origin string
		code         int
		more         []string
	}{
		{"host.example", "", 200, nil},
		{"host.example:8888", "http://host.example:8888", 200, nil},
		{"HOST.example:8888", "http://host.example:8888", 200, nil},
		{"host.example", "http://host.example", 200, nil},
		{"host.example:80", "http://host.example", 200, nil},
		{"[::1]:8888", "http://[::1]:8888", 200, nil},
		{"host.example:8888", "http://ui.example.org", 200, nil},
		{"host.example:8888", "null", 403, nil},
		{"host.example:8888", "http://evil.example", 403, nil},
		{"host.example:8888", "http://evil.example:8888", 403, nil},
		{"host.example:8888", "http://host.example", 403, nil},
		{"host.example:8888", "http://host.example:8889", 403, nil},
		{"host.example:8888", "http://host.example:8888.evil.example", 403, nil},
		{"host.example", "file://host.example", 403, nil},
		{"host.example", "chrome-extension://abc", 403, nil},
		// A proxy speaks TLS with the browser, and plain HTTP with the gateway.
		{"host.example", "https://host.example", 200, nil},
		{"host.example:443", "https://host.example", 200, nil},
		{"host.example", "https://host.example", 200, []string{"X-Forwarded-Proto", "https"}},
		{"host.example", "https://host.example", 200, []string{"X-Forwarded-Proto", "http"}},
		{"host.example", "http://host.example", 403, []string{"X-Forwarded-Proto", "https"}},
		{"127.0.0.1:8888", "https://host.example", 200, []string{"X-Forwarded-Host", "host.example"}},
		{"127.0.0.1:8888", "https://evil.example", 403, []string{"X-Forwarded-Host", "host.example"}},
	} {
		headers := append([]string{"Host", c.host}, c.more...)
		if c.origin != "" {
			headers = append(headers, "Origin", c.origin)
		}
		for _, kind := range []string{"text/plain", "application/json", "application/x-www-form-urlencoded"} {
			answer := g.do("POST", api+"/experiments", `{"display_name":"e"}`, append(headers, "Content-Type", kind)...)
			if answer.code != c.code {
				t.Errorf("%+v with %s: %d %s", c, kind, answer.code, answer.body)
			}
		}
	}
	// A form can also upload.
	fake.method = ""
	body, kind := form(t, upload.PartName, "p.yaml", "x")
	g.do("POST", api+"/pipelines/upload", body, "Content-Type", kind, "Origin", "http://evil.example").expect(t, 403)
	if method, _, _ := fake.last(); method != "" {
		t.Errorf("%s reached the server", method)
	}
}

package main

import (
	"net"
	"testing"
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

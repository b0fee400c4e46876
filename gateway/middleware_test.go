package main

import "testing"

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
	g.browsers.LoopbackOnly = false
	g.do("GET", api+"/runs", "", "Host", "any.example.org").expect(t, 403)
	g.browsers.AllowedHosts = nil
	g.do("GET", api+"/runs", "", "Host", "any.example.org").expect(t, 200)
}

func TestIndex(t *testing.T) {
	g, _ := startBoth(t)
	g.do("GET", "/", "").expect(t, 200, api+"/healthz", "kfp.Client(host=")
	html := g.do("GET", "/", "", "Accept", "text/html,*/*")
	html.expect(t, 200, "<a href=\"/metrics\">")
	g.do("POST", "/", "").expect(t, 501)
}

package main

import (
	"strings"
	"testing"
)

func TestIndex(t *testing.T) {
	g, _ := startBoth(t)
	g.do("GET", "/", "").expect(t, 200, api+"/healthz", "kfp.Client(host=")
	g.do("POST", "/", "").expect(t, 501)
}

func TestDashboard(t *testing.T) {
	g, _ := startBoth(t)
	page := g.do("GET", "/", "", "Accept", "text/html,*/*")
	page.expect(t, 200, `<div id="app">`)
	policy := page.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") || strings.Contains(policy, "unsafe") {
		t.Error(policy)
	}
	_, rest, _ := strings.Cut(page.body, `src="`)
	script, _, _ := strings.Cut(rest, `"`)
	found := g.do("GET", script, "", "Accept-Encoding", "gzip")
	found.expect(t, 200)
	if !strings.Contains(found.header.Get("Cache-Control"), "immutable") || found.header.Get("Content-Encoding") != "gzip" ||
		found.header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Error(found.header)
	}
	tag := page.header.Get("ETag")
	g.do("GET", "/", "", "Accept", "text/html", "If-None-Match", tag).expect(t, 304)
	g.do("GET", "/dashboard/none.js", "").expect(t, 404)
	g.do("GET", "/dashboard/../main.go", "").expect(t, 404)
	g.do("POST", script, "").expect(t, 501)
}

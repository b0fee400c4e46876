package main

import "testing"

func TestIndex(t *testing.T) {
	g, _ := startBoth(t)
	g.do("GET", "/", "").expect(t, 200, api+"/healthz", "kfp.Client(host=")
	html := g.do("GET", "/", "", "Accept", "text/html,*/*")
	html.expect(t, 200, "<a href=\"/metrics\">")
	g.do("POST", "/", "").expect(t, 501)
}

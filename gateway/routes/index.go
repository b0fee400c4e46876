package routes

import (
	"fmt"
	"html"
	"net/http"
	"strings"

	"github.com/penstock/penstock/gateway/apierror"
)

var indexLinks = []struct{ path, what string }{
	{"/apis/v2beta1/healthz", "whether the server can work"},
	{"/apis/v2beta1/pipelines", "pipelines"},
	{"/apis/v2beta1/experiments", "experiments"},
	{"/apis/v2beta1/runs?sort_by=created_at%20desc", "runs, newest first"},
	{"/apis/v2beta1/recurringruns", "recurring runs"},
	{"/openapi.json", "the API as an OpenAPI 2 document"},
	{"/metrics", "metrics for Prometheus"},
}

// serveIndex helps whoever opens the address in a browser, or with curl.
func (t *Table) serveIndex(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		apierror.WriteWrongMethod(w, r, http.MethodGet)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	title := "Penstock " + t.parts.TagName + ": the API of Kubeflow Pipelines (v2beta1)"
	usage := "kfp.Client(host='http://" + r.Host + "')"
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "%s\n\nFrom Python: %s\n\n", title, usage)
		for _, link := range indexLinks {
			fmt.Fprintf(w, "%-46s %s\n", link.path, link.what)
		}
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	fmt.Fprintf(w, "<!doctype html><html lang=en><meta charset=utf-8><title>Penstock</title>"+
		"<body style=\"font-family:sans-serif;margin:2em\"><h1>%s</h1><p>From Python: <code>%s</code></p><ul>",
		html.EscapeString(title), html.EscapeString(usage))
	for _, link := range indexLinks {
		fmt.Fprintf(w, "<li><a href=\"%s\">%s</a> %s</li>", html.EscapeString(link.path), html.EscapeString(link.path),
			html.EscapeString(link.what))
	}
	fmt.Fprint(w, "</ul></body></html>\n")
}

package routes

import (
	"fmt"
	"net/http"

	"github.com/penstock/penstock/gateway/apierror"
)

var indexLinks = []struct{ path, what string }{
	{"/", "the dashboard, in a browser"},
	{"/apis/v2beta1/healthz", "whether the server can work"},
	{"/apis/v2beta1/pipelines", "pipelines"},
	{"/apis/v2beta1/experiments", "experiments"},
	{"/apis/v2beta1/runs?sort_by=created_at%20desc", "runs, newest first"},
	{"/apis/v2beta1/recurringruns", "recurring runs"},
	{"/openapi.json", "the API as an OpenAPI 2 document"},
	{"/metrics", "metrics for Prometheus"},
}

// serveIndex helps whoever opens the address with curl; a browser gets the dashboard.
func (t *Table) serveIndex(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		apierror.WriteWrongMethod(w, r, http.MethodGet)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "Penstock %s: the API of Kubeflow Pipelines (v2beta1)\n\nFrom Python: kfp.Client(host='http://%s')\n\n",
		t.parts.TagName, r.Host)
	for _, link := range indexLinks {
		fmt.Fprintf(w, "%-46s %s\n", link.path, link.what)
	}
}

package routes

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/penstock/penstock/gateway/admission"
	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/request"
	"github.com/penstock/penstock/gateway/streams"
)

// What the server of KFP's own web UI answers beside the API, so that the pages of that UI may be served by anything that
// passes their requests on. Artifacts of this server have URIs of the form http://penstock/artifacts/... there: see
// content/uri.h of the server.
const (
	uiArtifacts = "/artifacts/"
	uiBucket    = "penstock"
	uiLogs      = "/k8s/pod/logs"
	uiCustom    = "/visualizations/allowed"
	uiSystem    = "/system/"
)

// serveUI answers such a request and tells whether it did.
func (t *Table) serveUI(w http.ResponseWriter, r *http.Request) bool {
	path := r.URL.Path
	info := request.InfoOf(r.Context())
	switch {
	case path == uiArtifacts+"get":
		info.Route = path
		t.serveUIArtifact(w, r, r.URL.Query().Get("bucket"), r.URL.Query().Get("key"))
	case strings.HasPrefix(path, uiArtifacts):
		info.Route = uiArtifacts
		// {source}/{bucket}/{key}, of which the key has slashes.
		parts := strings.SplitN(strings.TrimPrefix(path, uiArtifacts), "/", 3)
		if len(parts) < 3 {
			return false
		}
		t.serveUIArtifact(w, r, parts[1], parts[2])
	case path == uiLogs:
		info.Route = path
		query := r.URL.Query()
		node := streams.Node{RunID: query.Get("runid"), NodeID: query.Get("podname")}
		r = r.Clone(r.Context())
		r.URL.RawQuery = "" // its other parameters are about Kubernetes
		admission.Limited(t.reads, getOnly(t.parts.Streams.LogOrReason(node))).ServeHTTP(w, r)
	case path == uiCustom:
		info.Route = path
		writeText(w, "false")
	case strings.HasPrefix(path, uiSystem):
		info.Route = uiSystem
		writeText(w, "") // of which cluster of Google's this is: of none
	default:
		return false
	}
	return true
}

// serveUIArtifact answers with the first ?peek= bytes of an artifact, or all of it.
func (t *Table) serveUIArtifact(w http.ResponseWriter, r *http.Request, bucket, key string) {
	if bucket != uiBucket {
		apierror.WriteHTTP(w, r, http.StatusNotFound,
func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text))
}

			"Only artifacts of this server are read here, those of the bucket "+uiBucket+", not of "+strconv.Quote(bucket)+".", "")
		return
	}
	peek, err := strconv.ParseInt(r.URL.Query().Get("peek"), 10, 64)
	if err != nil || peek < 0 {
		peek = 0
	}
	admission.Limited(t.reads, getOrHead(t.parts.Streams.ContentAt("penstock://"+key, peek))).ServeHTTP(w, r)
}

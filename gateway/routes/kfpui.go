package routes

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/penstock/penstock/gateway/admission"
	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/request"
	"github.com/penstock/penstock/gateway/streams"
)

// What the server of KFP's own web UI answers beside the API, so that the pages of that UI may be served by anything that
// passes their requests on. Artifacts of this server have URLs there whose path begins with uiArtifacts and uiOwn: see
// PublicUris in content/uri.h of the server.
const (
	uiArtifacts = "/artifacts/"
	uiBucket    = "penstock"
	uiOwn       = "/artifacts/http/" + uiBucket + "/"
	uiLogs      = "/k8s/pod/logs"
	uiCustom    = "/visualizations/allowed"
	uiSystem    = "/system/"
)

// serveUI answers such a request and tells whether it did.
func (t *Table) serveUI(w http.ResponseWriter, r *http.Request) bool {
	path := r.URL.Path
	info, query := request.InfoOf(r.Context()), r.URL.Query()
	switch {
	case path == uiArtifacts+"get":
		info.Route = path
		t.serveUIArtifact(w, r, query.Get("source"), query.Get("bucket"), cmp.Or(query.Get("uriKey"), query.Get("key")))
	case strings.HasPrefix(path, uiArtifacts):
		info.Route = uiArtifacts
		// {source}/{bucket}/{key}, of which the key has slashes.
		parts := strings.SplitN(strings.TrimPrefix(r.URL.EscapedPath(), uiArtifacts), "/", 3)
		if len(parts) < 3 {
			return false
		}
		t.serveUIArtifact(w, r, parts[0], parts[1], cmp.Or(query.Get("uriKey"), parts[2]))
	case path == uiLogs:
		info.Route = path
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

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text))
}

// serveUIArtifact answers with the first ?peek= bytes of an artifact, or all of it.
func (t *Table) serveUIArtifact(w http.ResponseWriter, r *http.Request, source, bucket, key string) {
	uris := urisIn(bucket, key, uiStores[source])
	if len(uris) == 0 {
		apierror.WriteHTTP(w, r, http.StatusNotFound, "Only artifacts of this server are read here, those whose key begins with "+
			uiOwn[1:]+" and those in object stores, not "+strconv.Quote(limits.Shortened(key))+" of "+strconv.Quote(limits.Shortened(bucket))+".", "")
		return
	}
	peek, err := strconv.ParseInt(r.URL.Query().Get("peek"), 10, 64)
	if err != nil || peek < 0 {
		peek = 0
	}
	admission.Limited(t.reads, getOrHead(t.parts.Streams.ContentAt(uris, peek))).ServeHTTP(w, r)
}

// uiStores are the sources by which that UI knows object stores, with the schemes of what lies there.
var uiStores = map[string]string{"s3": "s3://", "minio": "minio://", "gcs": "gs://"}

// urisIn are those that a key in a bucket may stand for: of an object store if there is a scheme, and our own otherwise.
func urisIn(bucket, key, scheme string) []string {
	if scheme == "" || bucket == "" || key == "" {
		return ownURIs(bucket, key)
	}
	uris := []string{scheme + bucket + "/" + key}
	if decoded, err := url.PathUnescape(key); err == nil && decoded != key && utf8.ValidString(decoded) {
		uris = append(uris, scheme+bucket+"/"+decoded)
	}
	return uris
}

// ownURIs are those that a key may stand for, the likelier one first. The key is the path of a URL, as it was written: by
// itself, or what follows the one that says whose it is. Whatever the bucket is then, which is the host of the URL and may
// be any that leads here, nothing but artifacts of this server is read. A key that is not escaped comes from those who have
// taken it out of a URL, and decoded it.
func ownURIs(bucket, key string) []string {
	if _, own, found := strings.Cut("/"+key, uiOwn); found {
		key = own
	} else if bucket != uiBucket {
		return nil
	}
	var uris []string
	if decoded, err := url.PathUnescape(key); err == nil && decoded != key && utf8.ValidString(decoded) {
		uris = append(uris, "penstock://"+decoded)
	}
	return append(uris, "penstock://"+key)
}

// Package dashboard serves the dashboard's page and scripts out of the binary. The assets are made of the sources in
// dashboard/ and committed, so that a build needs nothing of the web's tools.
package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strings"

	"github.com/penstock/penstock/gateway/apierror"
)

//go:embed assets
var assets embed.FS

const (
	folder = "assets"
	page   = "index.html"
	prefix = "/dashboard/"
)

// file is one asset as it is sent.
type file struct {
	media     string
	plain     []byte
	gzipped   []byte
	etag      string
	immutable bool // its name changes with its content
}

// Dashboard is constant after New; safe for concurrent use.
type Dashboard struct {
	files    map[string]*file
	security string
}

// New reads the assets.
func New() (*Dashboard, error) {
	entries, err := assets.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	d := &Dashboard{files: make(map[string]*file)}
	for _, entry := range entries {
		content, err := assets.ReadFile(path.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		if d.files[entry.Name()], err = newFile(entry.Name(), content); err != nil {
			return nil, err
		}
	}
	if d.files[page] == nil {
		return nil, fmt.Errorf("the dashboard has no %s: build it as dashboard/build/main.go says", page)
	}
	d.security = policy(d.files[page].plain)
	return d, nil
}

func newFile(name string, content []byte) (*file, error) {
	var gzipped bytes.Buffer
	writer, err := gzip.NewWriterLevel(&gzipped, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(content); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	media := "text/javascript; charset=utf-8"
	if name == page {
		media = "text/html; charset=utf-8"
	}
	sum := sha256.Sum256(content)
	return &file{media, content, gzipped.Bytes(), `"` + hex.EncodeToString(sum[:16]) + `"`, name != page}, nil
}

var styleElement = regexp.MustCompile(`(?s)<style>(.*?)</style>`)

// policy lets the page run its own scripts and reach its own server, and nothing else. Content of runs that is HTML is a
// page of its own, in a frame: see streams.
func policy(html []byte) string {
	style := "'none'"
	if found := styleElement.FindSubmatch(html); found != nil {
		sum := sha256.Sum256(found[1])
		style = "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return strings.Join([]string{"default-src 'none'", "script-src 'self'", "worker-src 'self'", "connect-src 'self'",
		"style-src " + style, "img-src 'self' blob: data:", "frame-src 'self'", "base-uri 'none'", "form-action 'none'",
		"frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types worker"}, "; ")
}

// Accepts tells the requests of the dashboard: its scripts, and the root where a browser asks for a page.
func Accepts(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, prefix) ||
		r.URL.Path == "/" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// ServeHTTP answers what Accepts tells.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		apierror.WriteWrongMethod(w, r, http.MethodGet)
		return
	}
	name := page
	if r.URL.Path != "/" {
		name = strings.TrimPrefix(r.URL.Path, prefix)
	}
	found := d.files[name]
	if found == nil {
		apierror.WriteNotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Vary", "Accept, Accept-Encoding")
	header.Set("ETag", found.etag)
	if found.immutable {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		header.Set("Cache-Control", "no-cache")
		header.Set("Content-Security-Policy", d.security)
	}
	if r.Header.Get("If-None-Match") == found.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", found.media)
	content := found.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		content = found.gzipped
	}
	header.Set("Content-Length", fmt.Sprint(len(content)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(content)
	}
}

package main

import (
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/gateway/gen/penstock"
)

type contentStream = grpc.ServerStreamingServer[penstock.ArtifactChunk]

// fakeContent answers as the server does for an artifact with these bytes.
func fakeContent(fake *fakeServer, bytes string, got **penstock.ReadArtifactRequest) {
	fake.readArtifact = func(r *penstock.ReadArtifactRequest, s contentStream) error {
		*got = r
		size, first := int64(len(bytes)), r.OffsetBytes
		if first < 0 {
			first = max(0, size+first)
		}
		if first > size {
			return status.Error(codes.OutOfRange, "behind the end")
		}
		end := size
		if r.LimitBytes > 0 {
			end = min(size, first+r.LimitBytes)
		}
		return s.Send(&penstock.ArtifactChunk{Data: []byte(bytes[first:end]), SizeBytes: &size, OffsetBytes: first, Name: "n"})
	}
}

func TestContent(t *testing.T) {
	g, fake := startBoth(t)
	var got *penstock.ReadArtifactRequest
	fakeContent(fake, "0123456789", &got)
	const path = "/apis/penstock/v1/artifacts/a%2Fb/content"
	whole := g.do("GET", path+"?path=c/d", "")
	whole.expect(t, 200, "0123456789")
	if !proto.Equal(got, &penstock.ReadArtifactRequest{ArtifactId: "a/b", Path: "c/d"}) {
		t.Error(got)
	}
	for header, want := range map[string]struct{ body, told string }{
		"bytes=2-4": {"234", "bytes 2-4/10"}, "bytes=8-": {"89", "bytes 8-9/10"}, "bytes=-3": {"789", "bytes 7-9/10"}} {
		part := g.do("GET", path, "", "Range", header)
		part.expect(t, 206)
		if part.body != want.body || part.header.Get("Content-Range") != want.told {
			t.Error(header, part.body, part.header)
		}
	}
	g.do("GET", path, "", "Range", "bytes=11-").expect(t, 416, "behind the end")
	for _, header := range []string{"bytes=4-2", "bytes=x-", "pages=1-2", "bytes=-", "bytes=-0"} {
		g.do("GET", path, "", "Range", header).expect(t, 200, "0123456789")
	}
}

func TestContentIsNeverAPageOfThisAddress(t *testing.T) {
	g, fake := startBoth(t)
	var got *penstock.ReadArtifactRequest
	fakeContent(fake, "<html><script>alert(1)</script>", &got)
	const path = "/apis/penstock/v1/artifacts/a/content"
	plain := g.do("GET", path, "")
	if plain.header.Get("Content-Type") != "text/plain; charset=utf-8" ||
		plain.header.Get("Content-Security-Policy") != "sandbox; default-src 'none'" {
		t.Error(plain.header)
	}
	page := g.do("GET", path+"?view=html", "")
	if policy := page.header.Get("Content-Security-Policy"); page.header.Get("Content-Type") != "text/html; charset=utf-8" ||
		policy[:len("sandbox allow-scripts; default-src 'none'")] != "sandbox allow-scripts; default-src 'none'" {
		t.Error(page.header)
	}
}

// What KFP's web UI asks its own server for.
func TestRoutesOfTheWebUI(t *testing.T) {
	g, fake := startBoth(t)
	var got *penstock.ReadArtifactRequest
	fakeContent(fake, "0123456789", &got)
	for path, want := range map[string]string{
		"/artifacts/get?source=http&bucket=penstock&key=artifacts%2Fp%2Fr%2Fa%2520b": "penstock://artifacts/p/r/a%20b",
		"/artifacts/http/penstock/artifacts/p/r/a%2520b":                             "penstock://artifacts/p/r/a%20b"} {
		g.do("GET", path, "").expect(t, 200, "0123456789")
		if got.GetUri() != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	peeked := g.do("GET", "/artifacts/get?source=http&bucket=penstock&key=artifacts/p&peek=3", "")
	if peeked.code != 200 || peeked.body != "012" || peeked.header.Get("Content-Range") != "" {
		t.Error(peeked.code, peeked.body, peeked.header)
	}
	g.do("GET", "/artifacts/get?source=s3&bucket=other&key=k", "").expect(t, 404, `\"other\"`)
	g.do("GET", "/visualizations/allowed", "").expect(t, 200, "false")
	g.do("GET", "/system/cluster-name", "").expect(t, 404)
	fake.readLog = func(r *penstock.ReadTaskLogRequest, s grpc.ServerStreamingServer[penstock.LogChunk]) error {
		return s.Send(&penstock.LogChunk{Data: []byte(r.RunId + " " + r.TaskId)})
	}
	g.do("GET", "/k8s/pod/logs?podname=p&runid=r&podnamespace=n&createdat=2026-11-29", "").expect(t, 200, "r p")
}

package main

import (
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/gateway/gen/kfp"
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
	const own = "artifacts/http/penstock/"
	for path, want := range map[string]string{
		// As the UI of 2.17 asks, with a key as it stands in the URL, and that without ML Metadata, with both.
		"/artifacts/get?source=http&bucket=h:1&key=" + own + "artifacts/p/a%252520b":                     "penstock://artifacts/p/a%20b",
		"/artifacts/get?source=https&bucket=h&key=sub/" + own + "artifacts/p/r":                          "penstock://artifacts/p/r",
		"/artifacts/get?source=minio&bucket=b&key=root/p/a%20b":                                          "minio://b/root/p/a b",
		"/artifacts/gcs/b/root/p/x":                                                                      "gs://b/root/p/x",
		"/artifacts/get?bucket=h&key=" + own + "artifacts/a%2520b&uriKey=" + own + "artifacts/a%252520b": "penstock://artifacts/a%20b",
		"/artifacts/http/h:1/" + own + "artifacts/p/a%2520b":                                             "penstock://artifacts/p/a%20b",
		// The URL itself.
		"/" + own + "artifacts/p/a%2520b": "penstock://artifacts/p/a%20b",
		"/" + own + "artifacts/p/r":       "penstock://artifacts/p/r",
		"/" + own + own + "artifacts/p/r": "penstock://artifacts/p/r",
	} {
		g.do("GET", path, "").expect(t, 200, "0123456789")
		if got.GetUri() != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	peeked := g.do("GET", "/artifacts/get?source=http&bucket=penstock&key=artifacts/p&peek=3", "")
	if peeked.code != 200 || peeked.body != "012" || peeked.header.Get("Content-Range") != "" || !got.GetRecordedSuffices() {
		t.Error(peeked.code, peeked.body, peeked.header, got)
	}
	g.do("GET", "/artifacts/get?source=volume&bucket=other&key=k", "").expect(t, 404, `\"other\"`)
	g.do("GET", "/artifacts/get?source=http&bucket=h&key=%2525ff%25ff", "").expect(t, 404)
	g.do("GET", "/"+own+"%25ff", "").expect(t, 200)
	g.do("GET", "/visualizations/allowed", "").expect(t, 200, "false")
	for _, path := range []string{"/system/cluster-name", "/system/project-id"} {
		if reply := g.do("GET", path, ""); reply.code != 200 || reply.body != "" {
			t.Error(path, reply)
		}
	}
}

// A key that is not escaped is one, too.
func TestKeysThatWereDecoded(t *testing.T) {
	g, fake := startBoth(t)
	const stored = "penstock://artifacts/p/a%20b"
	fake.readArtifact = func(r *penstock.ReadArtifactRequest, s contentStream) error {
		if r.GetUri() != stored {
			return status.Error(codes.NotFound, "none")
		}
		return s.Send(&penstock.ArtifactChunk{Data: []byte("x"), SizeBytes: proto.Int64(1)})
	}
	for _, path := range []string{"/artifacts/get?bucket=penstock&key=artifacts/p/a%2520b", "/artifacts/http/penstock/artifacts/p/a%20b"} {
		g.do("GET", path, "").expect(t, 200, "x")
	}
	g.do("GET", "/artifacts/http/penstock/artifacts/p/a%20c", "").expect(t, 404, "none")
}

func TestLogsOfTasksThatNeverRan(t *testing.T) {
	g, fake := startBoth(t)
	fake.readLog = func(r *penstock.ReadTaskLogRequest, s grpc.ServerStreamingServer[penstock.LogChunk]) error {
		if r.GetTaskId() != "ran" {
			return status.Error(codes.NotFound, "no log")
		}
		return s.Send(&penstock.LogChunk{Data: []byte(r.RunId + " " + r.TaskId)})
	}
	var task *penstock.TaskStatus
	fake.answer = func(method string, _ proto.Message) (proto.Message, error) {
		if method == "GetTask" {
			return &kfp.PipelineTask{Type: kfp.PipelineTask_IMPORTER, Outputs: &kfp.PipelineTask_InputOutputs{
				Artifacts: []*kfp.PipelineTask_InputOutputs_IOArtifact{{Artifacts: []*kfp.Artifact{{Uri: proto.String("s3://b/k")}}}}}}, nil
		}
		if task == nil {
			return nil, status.Error(codes.NotFound, "no task")
		}
		return &penstock.RunStatus{Tasks: []*penstock.TaskStatus{task}}, nil
	}
	const logs = "/k8s/pod/logs?runid=r&podnamespace=n&createdat=2026-11-29&podname="
	g.do("GET", logs+"ran", "").expect(t, 200, "r ran")
	g.do("GET", logs+"none", "").expect(t, 404, "no log")
	for want, one := range map[string]*penstock.TaskStatus{
		"This task did not run: skipped, since fail failed.\n": {State: "SKIPPED",
			SkippedBecauseOf: &penstock.TaskReference{Name: "fail", State: "FAILED"}},
		"This task did not run: skipped.\n":                       {State: "SKIPPED"},
		"This task did not run: the run was terminated before.\n": {State: "CANCELED"},
		"This task did not run: no input.\n":                      {State: "FAILED", Error: &penstock.StatusError{Message: "no input."}},
		"This task did not run: its outputs are those of task t of run q, from the cache.\n": {State: "SUCCEEDED",
			Cache: &penstock.CacheStatus{Result: "HIT", RunId: "q", TaskId: "t"}},
		"Imported from s3://b/k.\n": {State: "SUCCEEDED"},
		"This task has not started. It waits for the end of a.\n": {State: "PENDING",
			Wait: &penstock.Wait{Message: "It waits for the end of a"}},
	} {
		task = one
		for _, path := range []string{logs + "t", "/apis/v1beta1/runs/r/nodes/t/log"} {
			if reply := g.do("GET", path, ""); reply.code != 200 || reply.body != want ||
				reply.header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Error(path, want, reply)
			}
		}
	}
	g.do("GET", "/apis/v2beta1/runs/r/nodes/t/log", "").expect(t, 404, "no log")
	task.Attempts = []*penstock.AttemptStatus{{Number: 1}}
	g.do("GET", logs+"t", "").expect(t, 404, "no log")
}

package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/gen/penstock"
)

const bundles = "/apis/penstock/v1/runs"

type (
	exportStream = grpc.ServerStreamingServer[penstock.BundleChunk]
	importStream = grpc.ClientStreamingServer[penstock.ImportRunRequest, penstock.ImportRunResponse]
)

func TestARunIsExportedAsAFile(t *testing.T) {
	g, fake := startBoth(t)
	var got *penstock.ExportRunRequest
	fake.exportRun = func(r *penstock.ExportRunRequest, s exportStream) error {
		got = r
		return errors.Join(s.Send(&penstock.BundleChunk{Data: []byte("ab")}), s.Send(&penstock.BundleChunk{Data: []byte("c")}))
	}
	reply := g.do("GET", bundles+"/r%2F1:export?include_contents=true", "")
	reply.expect(t, 200)
	if reply.body != "abc" || reply.header.Get("Content-Type") != "application/zstd" {
		t.Errorf("%v", reply)
	}
	if got.GetRunId() != "r/1" || !got.GetIncludeContents() {
		t.Errorf("%v", got)
	}
}

func TestAnExportThatIsRefused(t *testing.T) {
	g, fake := startBoth(t)
	fake.exportRun = func(*penstock.ExportRunRequest, exportStream) error {
		return status.Error(codes.FailedPrecondition, "it runs")
	}
	if reply := g.do("GET", bundles+"/r:export", ""); reply.code != 400 || !strings.Contains(reply.body, "it runs") {
		t.Errorf("%v", reply)
	}
	if reply := g.do("GET", bundles+"/r:export?include_contents=maybe", ""); reply.code != 400 {
		t.Errorf("%v", reply)
	}
	if reply := g.do("POST", bundles+"/r:export", ""); reply.code == 200 {
		t.Errorf("%v", reply)
	}
}

// receive takes in all that comes.
func receive(s importStream) (options *penstock.ImportRunOptions, data string, err error) {
	for {
		part, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return options, data, nil
		}
		if err != nil {
			return options, data, err
		}
		if part.GetOptions() != nil {
			options = part.GetOptions()
		}
		data += string(part.GetData())
	}
}

func TestAFileIsImportedAsItComes(t *testing.T) {
	g, fake := startBoth(t)
	var options *penstock.ImportRunOptions
	var data string
	fake.importRun = func(s importStream) (err error) {
		if options, data, err = receive(s); err != nil {
			return err
		}
		return s.SendAndClose(&penstock.ImportRunResponse{RunId: "r", Tasks: 2})
	}
	body := strings.Repeat("x", 1<<20)
	reply := g.do("POST", bundles+":import?new_id=true&experiment_id=e", body)
	reply.expect(t, 200)
	if !strings.Contains(reply.body, `"run_id":"r"`) || !strings.Contains(reply.body, `"tasks":2`) {
		t.Errorf("%v", reply)
	}
	if data != body || !options.GetNewId() || options.GetExperimentId() != "e" {
		t.Errorf("%d bytes with %v", len(data), options)
	}
}

func TestAnImportThatIsRefused(t *testing.T) {
	g, fake := startBoth(t)
	fake.importRun = func(importStream) error { return status.Error(codes.AlreadyExists, "there is one") }
	if reply := g.do("POST", bundles+":import", "x"); reply.code != 409 || !strings.Contains(reply.body, "there is one") {
		t.Errorf("%v", reply)
	}
	if reply := g.do("POST", bundles+":import?new_id=maybe", "x"); reply.code != 400 {
		t.Errorf("%v", reply)
	}
	if reply := g.do("GET", bundles+":import", ""); reply.code == 200 {
		t.Errorf("%v", reply)
	}
}

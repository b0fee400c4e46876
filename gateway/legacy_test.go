package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/legacy"
)

// answerLegacy knows one pipeline "p" with a version "v", and runs and a recurring run of it.
func answerLegacy(method string, request proto.Message) (proto.Message, error) {
	spec, _ := structpb.NewStruct(map[string]any{"root": map[string]any{}})
	version := &kfp.PipelineVersion{PipelineId: "p", PipelineVersionId: "v", Name: "n", DisplayName: "d", PipelineSpec: spec,
		PackageUrl: &kfp.Url{PipelineUrl: "https://h/p.yaml"}, CreatedAt: &timestamppb.Timestamp{Seconds: 60}}
	reference := &kfp.PipelineVersionReference{PipelineId: "p", PipelineVersionId: "v"}
	switch request := request.(type) {
	case *kfp.GetPipelineRequest:
		if request.PipelineId != "p" {
			return nil, status.Error(codes.NotFound, "Pipeline not found")
		}
		return &kfp.Pipeline{PipelineId: "p", Name: "n", DisplayName: "d"}, nil
	case *kfp.ListPipelineVersionsRequest:
		return &kfp.ListPipelineVersionsResponse{PipelineVersions: []*kfp.PipelineVersion{version}, TotalSize: 1}, nil
	case *kfp.GetPipelineVersionRequest:
		if request.PipelineVersionId != "v" {
			return nil, status.Error(codes.NotFound, "Pipeline version not found")
		}
		return version, nil
	case *kfp.GetRunRequest:
		run := &kfp.Run{RunId: request.RunId, DisplayName: "r", State: kfp.RuntimeState_SUCCEEDED, ExperimentId: "e",
			PipelineSource: &kfp.Run_PipelineVersionReference{PipelineVersionReference: reference}}
		switch request.RunId {
		case "own":
			run.PipelineSource = &kfp.Run_PipelineSpec{PipelineSpec: spec}
		case "orphan":
			run.PipelineSource = &kfp.Run_PipelineVersionReference{
				PipelineVersionReference: &kfp.PipelineVersionReference{PipelineVersionId: "gone"}}
		}
		return run, nil
	case *kfp.GetExperimentRequest:
		return &kfp.Experiment{ExperimentId: "e", DisplayName: "d"}, nil
	case *kfp.GetRecurringRunRequest:
		return &kfp.RecurringRun{RecurringRunId: "j", DisplayName: "d", MaxConcurrency: 2, Status: kfp.RecurringRun_ENABLED,
			PipelineSource: &kfp.RecurringRun_PipelineVersionReference{
				PipelineVersionReference: &kfp.PipelineVersionReference{PipelineId: "p"}}}, nil
	}
	return nil, nil
}

func TestLegacyPaths(t *testing.T) {
	g, fake := startBoth(t)
	fake.answer = answerLegacy
	version := `{"id":"v","name":"d","created_at":"1970-01-01T00:01:00Z","package_url":{"pipeline_url":"https://h/p.yaml"},
		"resource_references":[{"key":{"type":"PIPELINE","id":"p"},"relationship":"OWNER"}]}`
	for path, want := range map[string]string{
		"pipelines/p":                   `{"id":"p","name":"d","default_version":` + version + `}`,
		"pipelines/p/templates":         `{"template":"{\"root\":{}}"}`,
		"pipeline_versions/v":           version,
		"pipeline_versions/v/templates": `{"template":"{\"root\":{}}"}`,
		"pipeline_versions?resource_key.type=PIPELINE&resource_key.id=p&page_size=50": `{"versions":[` + version +
			`],"total_size":1}`,
		"runs/r": `{"run":{"id":"r","name":"r","status":"Succeeded","pipeline_spec":{"pipeline_id":"p",
			"pipeline_manifest":"{\"root\":{}}"},"resource_references":[
			{"key":{"type":"EXPERIMENT","id":"e"},"relationship":"OWNER"},
			{"key":{"type":"PIPELINE_VERSION","id":"v"},"relationship":"CREATOR"}]},"pipeline_runtime":{}}`,
		"runs/own": `{"run":{"id":"own","name":"r","status":"Succeeded","pipeline_spec":{
			"pipeline_manifest":"{\"root\":{}}"},"resource_references":[
			{"key":{"type":"EXPERIMENT","id":"e"},"relationship":"OWNER"}]},"pipeline_runtime":{}}`,
		"runs/orphan": `{"run":{"id":"orphan","name":"r","status":"Succeeded","pipeline_spec":{},"resource_references":[
			{"key":{"type":"EXPERIMENT","id":"e"},"relationship":"OWNER"},
			{"key":{"type":"PIPELINE_VERSION","id":"gone"},"relationship":"CREATOR"}]},"pipeline_runtime":{}}`,
		"jobs/j": `{"id":"j","name":"d","max_concurrency":"2","enabled":true,"pipeline_spec":{"pipeline_id":"p",
			"pipeline_manifest":"{\"root\":{}}"}}`,
		"experiments/e": `{"id":"e","name":"d","storage_state":"STORAGESTATE_AVAILABLE"}`,
		"auth?namespace=n&resources=VIEWERS&verb=GET": `{}`,
	} {
		reply := g.do("GET", legacy.Prefix+path, "")
		reply.expect(t, 200)
		var got, expected any
		// The encoder of protobuf puts spaces where it likes.
		_ = json.Unmarshal([]byte(strings.ReplaceAll(reply.body, `\"root\": {}`, `\"root\":{}`)), &got)
		if err := json.Unmarshal([]byte(want), &expected); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, expected) {
			t.Errorf("%s: %s", path, reply.body)
		}
	}
	g.do("DELETE", legacy.Prefix+"runs/a%2Fb", "").expect(t, 200, "{}")
	if _, request, _ := fake.last(); !proto.Equal(request, &kfp.DeleteRunRequest{RunId: "a/b"}) {
		t.Errorf("deleted %v", request)
	}
}

func TestLegacyRefusals(t *testing.T) {
	g, fake := startBoth(t)
	fake.answer = answerLegacy
	g.do("GET", legacy.Prefix+"pipelines/none", "").expect(t, 404, "Pipeline not found")
	g.do("GET", legacy.Prefix+"pipeline_versions", "").expect(t, 400, "resource_key.type")
	g.do("GET", legacy.Prefix+"pipeline_versions?resource_key.type=PIPELINE&page_size=x", "").expect(t, 400, "page_size")
	g.do("POST", legacy.Prefix+"visualizations/n", "{}").expect(t, 501, `"code":12`)
	g.do("POST", legacy.Prefix+"runs/r", "{}").expect(t, 501, `"code":12`)
	for _, path := range []string{"runs", "jobs", "experiments", "experiments/e/x", "runs/", "runs/r/terminate"} {
		g.do("GET", legacy.Prefix+path, "").expect(t, 404, "Not Found")
	}
}

func TestLegacyUploads(t *testing.T) {
	g, fake := startBoth(t)
	fake.answer = func(method string, request proto.Message) (proto.Message, error) {
		switch method {
		case "UploadPipeline":
			return &kfp.Pipeline{PipelineId: "p", Name: "n"}, nil
		case "UploadPipelineVersion":
			return &kfp.PipelineVersion{PipelineId: "p", PipelineVersionId: "v", Name: "n"}, nil
		}
		return answerLegacy(method, request)
	}
	query, body, headers := exampleOf(apiOperation{Consumes: []string{"multipart/form-data"}})
	g.do("POST", legacy.Prefix+"pipelines/upload"+query, body, headers...).expect(t, 200, `"id":"p"`, `"default_version":{"id":"v"`)
	g.do("POST", legacy.Prefix+"pipelines/upload_version?pipelineid=p", body, headers...).expect(t, 200, `"id":"v"`)
	g.do("POST", legacy.Prefix+"pipelines/upload_version", body, headers...).expect(t, 400, "pipelineid")
}

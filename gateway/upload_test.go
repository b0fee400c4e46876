package main

import (
	"bytes"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/upload"
)

// form is a multipart body with one file, after a field that must be skipped.
func form(t *testing.T, part, fileName, content string) (body, contentType string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	_ = w.WriteField("name", "not read from here")
	file, err := w.CreateFormFile(part, fileName)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.Write([]byte(content))
	_ = w.Close()
	return out.String(), w.FormDataContentType()
}

func (g *testGateway) upload(path, fileName, content string) reply {
	g.t.Helper()
	body, contentType := form(g.t, upload.PartName, fileName, content)
	return g.do("POST", path, body, "Content-Type", contentType, "X-Goog-Authenticated-User-Email", "me")
}

func TestUploadPipeline(t *testing.T) {
	g, fake := startBoth(t)
	fake.answer = func(string, proto.Message) (proto.Message, error) {
		return &kfp.Pipeline{PipelineId: "p", DisplayName: "d"}, nil
	}
	query := url.Values{"name": {"n m"}, "display_name": {"d"}, "description": {"e"}, "namespace": {"s"},
		"tags": {`{"a":"b"}`}, "code_source_url": {"u"}}
	reply := g.upload(api+"/pipelines/upload?"+query.Encode(), "f.yaml", "text")
	reply.expect(t, 200, `"pipeline_id"`, `"display_name"`)
	if reply.header.Get("Content-Type") != "application/json" {
		t.Errorf("content type %q", reply.header.Get("Content-Type"))
	}
	rpc, request, md := fake.last()
	want := &penstock.UploadPipelineRequest{FileName: "f.yaml", Content: []byte("text"), Name: "n m", DisplayName: "d",
		Description: "e", Namespace: "s", Tags: map[string]string{"a": "b"}, CodeSourceUrl: "u"}
	if rpc != "UploadPipeline" || !proto.Equal(request, want) {
		t.Errorf("%s %v", rpc, request)
	}
	if got := md.Get("x-goog-authenticated-user-email"); len(got) != 1 || got[0] != "me" {
		t.Errorf("user %v", got)
	}
}

func TestUploadPipelineVersion(t *testing.T) {
	g, fake := startBoth(t)
	fake.answer = func(string, proto.Message) (proto.Message, error) {
		return &kfp.PipelineVersion{PipelineVersionId: "v"}, nil
	}
	g.upload(api+"/pipelines/upload_version?pipelineid=p&name=n&tags={}", "f.zip", "PK").
		expect(t, 200, `"pipeline_version_id"`)
	_, request, _ := fake.last()
	want := &penstock.UploadPipelineVersionRequest{PipelineId: "p", FileName: "f.zip", Content: []byte("PK"), Name: "n"}
	if !proto.Equal(request, want) {
		t.Errorf("%v", request)
	}
}

func TestUploadRefusals(t *testing.T) {
	g, fake := startBoth(t, "--max_upload_bytes", "100")
	good := api + "/pipelines/upload"
	g.upload(good, "f", strings.Repeat("x", 100)).expect(t, 200)
	before, _, _ := fake.last()
	g.upload(good, "f", strings.Repeat("x", 101)).expect(t, 400, "larger than 100 bytes")
	g.upload(good, "f", strings.Repeat("x", 9<<20)).expect(t, 400, "larger than 100 bytes")
	g.upload(api+"/pipelines/upload_version", "f", "x").expect(t, 400, "pipelineid is missing")
	g.upload(good+"?tags=[]", "f", "x").expect(t, 400, "tags must be a JSON object")
	g.upload(good+"?tags=null", "f", "x").expect(t, 400, "tags must be a JSON object")
	g.upload(good+`?tags={"a":1}`, "f", "x").expect(t, 400, "must be a string")
	g.do("POST", good, "x").expect(t, 400, "multipart/form-data")
	g.do("POST", good, "").expect(t, 400, "multipart/form-data")
	body, contentType := form(t, "otherfile", "f", "x")
	g.do("POST", good, body, "Content-Type", contentType).expect(t, 400, "no file part named uploadfile")
	body, contentType = form(t, upload.PartName, "", "x")
	g.do("POST", good, body, "Content-Type", contentType).expect(t, 400, "no file part named uploadfile")
	body, contentType = form(t, upload.PartName, "f", "text")
	g.do("POST", good, body[:len(body)-30], "Content-Type", contentType).expect(t, 400, "cannot be read")
	g.do("GET", good, "").expect(t, 501, "POST")
	if after, request, _ := fake.last(); after != before || len(request.(*penstock.UploadPipelineRequest).Content) != 100 {
		t.Error("a refused upload reached the server")
	}
}

func TestUploadErrorsOfTheServer(t *testing.T) {
	g, fake := startBoth(t)
	for code, httpCode := range map[codes.Code]int{codes.InvalidArgument: 400, codes.NotFound: 404, codes.AlreadyExists: 409,
		codes.PermissionDenied: 403, codes.Unavailable: 503, codes.Internal: 500} {
		detail, _ := anypb.New(&spb.Status{Code: int32(code), Message: "for users"})
		fake.answer = func(string, proto.Message) (proto.Message, error) {
			return nil, status.FromProto(&spb.Status{Code: int32(code), Message: "chain", Details: []*anypb.Any{detail}}).Err()
		}
		g.upload(api+"/pipelines/upload", "f", "x").
			expect(t, httpCode, `{"error_message":"for users","error_details":"chain"}`)
	}
}

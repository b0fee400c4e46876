package main

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/gateway/gen/kfp"
)

func TestHealth(t *testing.T) {
	g, fake := startBoth(t)
	fake.answer = func(string, proto.Message) (proto.Message, error) {
		return &kfp.GetHealthzResponse{PipelineStore: "database"}, nil
	}
	for path, want := range map[string]string{
		api + "/healthz": `{"commit_sha":"c","tag_name":"t","multi_user":false,"pipeline_store":"database",` +
			`"apiServerCommitHash":"c","apiServerTagName":"t","apiServerReady":true,"apiServerMultiUser":false,` +
			`"pipelineStore":"database"}`,
		"/apis/v1beta1/healthz": `{"commit_sha":"c","tag_name":"t","multi_user":false}`,
	} {
		if reply := g.do("GET", path, ""); reply.code != 200 || reply.body != want {
			t.Errorf("%s: %v", path, reply)
		}
	}
}

func TestHealthOfAServerThatCannotWork(t *testing.T) {
	g, fake := startBoth(t)
	fake.answer = func(string, proto.Message) (proto.Message, error) {
		return nil, status.Error(codes.Unavailable, "the database is gone")
	}
	g.do("GET", api+"/healthz", "").expect(t, 503, "the database is gone")
	away := newTestGateway(t, "unix:"+t.TempDir()+"/none")
	away.do("GET", api+"/healthz", "").expect(t, 503, `"code":14`, "cannot be reached")
	away.do("GET", "/apis/v1beta1/healthz", "").expect(t, 503, `"code":14`)
}

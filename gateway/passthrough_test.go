package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/limits"
)

func dial(t *testing.T, g *testGateway) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(strings.TrimPrefix(g.url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(limits.MaxRPCMessageBytes)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestGRPCPassesThrough(t *testing.T) {
	g, fake := startBoth(t)
	runs := kfp.NewRunServiceClient(dial(t, g))
	fake.answer = func(string, proto.Message) (proto.Message, error) {
		return &kfp.Run{RunId: "r", Description: strings.Repeat("x", 8<<20)}, nil
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-clear-tags", "true")
	run, err := runs.CreateRun(ctx, &kfp.CreateRunRequest{Run: &kfp.Run{Description: strings.Repeat("y", 8<<20)}})
	if err != nil || run.RunId != "r" || len(run.Description) != 8<<20 {
		t.Fatalf("%v", err)
	}
	method, request, md := fake.last()
	if method != "CreateRun" || len(request.(*kfp.CreateRunRequest).Run.Description) != 8<<20 || len(md.Get("x-clear-tags")) != 1 {
		t.Errorf("%s %v", method, md)
	}
	fake.answer = func(string, proto.Message) (proto.Message, error) {
		return nil, status.Error(codes.AlreadyExists, "like this: ü")
	}
	if _, err := runs.GetRun(t.Context(), &kfp.GetRunRequest{}); status.Code(err) != codes.AlreadyExists ||
		status.Convert(err).Message() != "like this: ü" {
		t.Errorf("%v", err)
	}
}

func TestGRPCStreamsPassThroughAsTheyCome(t *testing.T) {
	g, fake := startBoth(t)
	goOn, left := make(chan struct{}), make(chan error, 1)
	fake.readLog = func(_ *penstock.ReadTaskLogRequest, s logStream) error {
		_ = s.Send(&penstock.LogChunk{Data: []byte("first")})
		<-goOn
		_ = s.Send(&penstock.LogChunk{Data: []byte("second")})
		<-s.Context().Done()
		left <- s.Context().Err()
		return nil
	}
	logs := penstock.NewRunLogServiceClient(dial(t, g))
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := logs.ReadTaskLog(ctx, &penstock.ReadTaskLogRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"first", "second"} {
		chunk, err := stream.Recv()
		if err != nil || string(chunk.Data) != want {
			t.Fatalf("%v %v", chunk, err)
		}
		if want == "first" {
			close(goOn)
		}
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) { // the server learns that the client is gone
		t.Errorf("%v", err)
	}
	fake.readLog = func(*penstock.ReadTaskLogRequest, logStream) error { return nil }
	if stream, err = logs.ReadTaskLog(t.Context(), &penstock.ReadTaskLogRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
}

func TestGRPCRefusals(t *testing.T) {
	g := newTestGateway(t, "unix:"+t.TempDir()+"/nobody")
	runs := kfp.NewRunServiceClient(dial(t, g))
	if _, err := runs.GetRun(t.Context(), &kfp.GetRunRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("%v", err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "origin", "http://evil.example")
	if _, err := runs.GetRun(ctx, &kfp.GetRunRequest{}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("%v", err)
	}
}

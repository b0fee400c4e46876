package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/gateway/gen/penstock"
)

const node = "/runs/r%2F1/nodes/n%201/"

type (
	logStream      = grpc.ServerStreamingServer[penstock.LogChunk]
	artifactStream = grpc.ServerStreamingServer[penstock.ArtifactChunk]
)

func TestLogInAllSpellings(t *testing.T) {
	g, fake := startBoth(t)
	var got *penstock.ReadTaskLogRequest
	fake.readLog = func(r *penstock.ReadTaskLogRequest, s logStream) error {
		got = r
		return errors.Join(s.Send(&penstock.LogChunk{}), s.Send(&penstock.LogChunk{Data: []byte("a\n")}),
			s.Send(&penstock.LogChunk{Data: []byte("b")}))
	}
	for _, apiVersion := range []string{"v1alpha1", "v1beta1", "v2beta1"} {
		reply := g.do("GET", "/apis/"+apiVersion+node+"log?follow=true&attempt=2&offset_bytes=5", "")
		reply.expect(t, 200)
		if reply.body != "a\nb" || !strings.HasPrefix(reply.header.Get("Content-Type"), "text/plain") {
			t.Errorf("%v", reply)
		}
		want := &penstock.ReadTaskLogRequest{RunId: "r/1", TaskId: "n 1", Attempt: 2, Follow: true, OffsetBytes: 5}
		if !proto.Equal(got, want) {
			t.Errorf("%v", got)
		}
	}
}

func TestEmptyLog(t *testing.T) {
	g, fake := startBoth(t)
	fake.readLog = func(*penstock.ReadTaskLogRequest, logStream) error { return nil }
	if reply := g.do("GET", api+node+"log", ""); reply.code != 200 || reply.body != "" {
		t.Errorf("%v", reply)
	}
}

func TestLogRefusals(t *testing.T) {
	g, fake := startBoth(t)
	fake.readLog = func(*penstock.ReadTaskLogRequest, logStream) error {
		return status.Error(codes.NotFound, "no such task")
	}
	reply := g.do("GET", api+node+"log", "")
	reply.expect(t, 404, `"error_message":"no such task"`)
	if reply.header.Get("Content-Type") != "application/json" {
		t.Errorf("content type %q", reply.header.Get("Content-Type"))
	}
	g.do("GET", api+node+"log?follow=maybe", "").expect(t, 400, "follow")
	g.do("GET", api+node+"log?attempt=-1", "").expect(t, 400, "attempt")
	g.do("GET", api+node+"log?offset_bytes=x", "").expect(t, 400, "offset_bytes")
	g.do("POST", api+node+"log", "").expect(t, 501)
	g.do("GET", "/apis/v3"+node+"log", "").expect(t, 404)
	g.do("GET", api+node+"logs", "").expect(t, 404)
}

func TestLogIsPassedOnAsItComes(t *testing.T) {
	g, fake := startBoth(t)
	goOn := make(chan struct{})
	left := make(chan struct{})
	fake.readLog = func(_ *penstock.ReadTaskLogRequest, s logStream) error {
		_ = s.Send(&penstock.LogChunk{Data: []byte("first")})
		<-goOn
		_ = s.Send(&penstock.LogChunk{Data: []byte("second")})
		<-s.Context().Done()
		close(left)
		return nil
	}
	response, err := http.Get(g.url + api + node + "log?follow=true")
	if err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 6)
	if _, err := io.ReadFull(response.Body, buffer[:5]); err != nil || string(buffer[:5]) != "first" {
		t.Fatalf("%s %v", buffer, err)
	}
	close(goOn)
	if _, err := io.ReadFull(response.Body, buffer); err != nil || string(buffer) != "second" {
		t.Fatalf("%s %v", buffer, err)
	}
	response.Body.Close()
	<-left // the server learns that the client is gone
}

func TestBrokenStreamIsNotTakenForAWholeOne(t *testing.T) {
	g, fake := startBoth(t)
	fake.readLog = func(_ *penstock.ReadTaskLogRequest, s logStream) error {
		_ = s.Send(&penstock.LogChunk{Data: []byte("first")})
		return status.Error(codes.Internal, "disk")
	}
	fake.readArtifact = func(_ *penstock.ReadArtifactRequest, s artifactStream) error {
		_ = s.Send(&penstock.ArtifactChunk{Data: []byte("first")})
		return status.Error(codes.Internal, "disk")
	}
	for _, path := range []string{"log", "artifacts/a:read"} {
		response, err := http.Get(g.url + api + node + path)
		if err != nil {
			continue // broken before the first byte left is as good
		}
		if text, err := io.ReadAll(response.Body); err == nil {
			t.Errorf("%s ended well with %q", path, text)
		}
		response.Body.Close()
	}
}

func TestStoppingEndsFollowedLogs(t *testing.T) {
	g, fake := startBoth(t)
	fake.readLog = func(_ *penstock.ReadTaskLogRequest, s logStream) error {
		_ = s.Send(&penstock.LogChunk{Data: []byte("first")})
		<-s.Context().Done()
		return s.Context().Err()
	}
	response, err := http.Get(g.url + api + node + "log?follow=true")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.ReadFull(response.Body, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	g.stop()
	if _, err := io.ReadAll(response.Body); err == nil {
		t.Error("ended as if it were whole")
	}
	g.do("GET", api+node+"log", "").expect(t, 503, "stopping")
}

func TestArtifact(t *testing.T) {
	g, fake := startBoth(t)
	content := strings.Repeat("0123456789", 100_000)
	var got *penstock.ReadArtifactRequest
	fake.readArtifact = func(r *penstock.ReadArtifactRequest, s artifactStream) error {
		got = r
		for rest := content; rest != ""; { // pieces that no base64 group fits
			n := min(len(rest), 65_537)
			if err := s.Send(&penstock.ArtifactChunk{Data: []byte(rest[:n])}); err != nil {
				return err
			}
			rest = rest[n:]
		}
		return nil
	}
	for _, apiVersion := range []string{"v1beta1", "v2beta1"} {
		reply := g.do("GET", "/apis/"+apiVersion+node+"artifacts/my%3Amodel:read", "")
		reply.expect(t, 200)
		var body struct{ Data string }
		if err := json.Unmarshal([]byte(reply.body), &body); err != nil {
			t.Fatal(err)
		}
		if data, err := base64.StdEncoding.DecodeString(body.Data); err != nil || string(data) != content {
			t.Errorf("%d bytes, %v", len(data), err)
		}
		if reply.header.Get("Cache-Control") != "no-cache, private" {
			t.Errorf("%v", reply.header)
		}
		want := &penstock.ReadArtifactRequest{RunId: "r/1", TaskId: "n 1", ArtifactName: "my:model"}
		if !proto.Equal(got, want) {
			t.Errorf("%v", got)
		}
	}
}

func TestEmptyAndMissingArtifacts(t *testing.T) {
	g, fake := startBoth(t)
	fake.readArtifact = func(*penstock.ReadArtifactRequest, artifactStream) error { return nil }
	if reply := g.do("GET", api+node+"artifacts/a:read", ""); reply.body != `{"data":""}` {
		t.Errorf("%v", reply)
	}
	for code, httpCode := range map[codes.Code]int{codes.NotFound: 404, codes.PermissionDenied: 403, codes.Internal: 500} {
		fake.readArtifact = func(*penstock.ReadArtifactRequest, artifactStream) error { return status.Error(code, "why") }
		g.do("GET", api+node+"artifacts/a:read", "").expect(t, httpCode, `{"error_message":"why","error_details":"why"}`)
	}
	g.do("GET", api+node+"artifacts/a", "").expect(t, 404, "Not Found")
}

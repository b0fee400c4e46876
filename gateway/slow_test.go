package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/limits"
)

// beginRequests opens connections, each with a request whose body of the given size does not come.
func beginRequests(t *testing.T, g *testGateway, count, bytes int, path, kind string) {
	t.Helper()
	for range count {
		conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n{",
			path, kind, bytes)
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestBodiesThatDoNotComeHoldNobodyUp(t *testing.T) {
	g, _ := startBoth(t)
	beginRequests(t, g, limits.MaxCalls+100, 100, api+"/runs", "application/json")
	beginRequests(t, g, 20, 30<<20, api+"/runs", "application/json")
	beginRequests(t, g, 20, 30<<20, api+"/pipelines/upload", "multipart/form-data; boundary=x")
	g.do("POST", api+"/experiments", `{"display_name":"`+strings.Repeat("x", 2<<20)+`"}`).expect(t, 200)
	g.do("GET", api+"/healthz", "").expect(t, 200)
	g.upload(api+"/pipelines/upload", "f", strings.Repeat("x", 8<<20)).expect(t, 200)
}

func TestFollowersLeaveReadsAlone(t *testing.T) {
	g, fake := startBoth(t)
	fake.readLog = func(r *penstock.ReadTaskLogRequest, s logStream) error {
		_ = s.Send(&penstock.LogChunk{Data: []byte("x")})
		if r.Follow {
			<-s.Context().Done()
		}
		return nil
	}
	admitted := 0
	for range limits.MaxFollowers + 1 {
		response, err := http.Get(g.url + api + node + "log?follow=true")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode == 200 {
			admitted++
		} else if text, _ := io.ReadAll(response.Body); response.Header.Get("Retry-After") == "" {
			t.Errorf("%d %s", response.StatusCode, text)
		}
	}
	if admitted != limits.MaxFollowers-limits.MaxFollowers/limits.AddressShare {
		t.Errorf("%d followers of one address", admitted)
	}
	g.do("GET", api+node+"log", "").expect(t, 200)
}

func TestHealthIsAnsweredBesideAnyNumberOfCalls(t *testing.T) {
	g, fake := startBoth(t)
	inWork, goOn := make(chan struct{}, limits.MaxCalls), make(chan struct{})
	fake.answer = func(method string, _ proto.Message) (proto.Message, error) {
		if method == "GetRun" {
			inWork <- struct{}{}
			<-goOn
		}
		return &penstock.GetMetricsResponse{}, nil
	}
	share := limits.MaxCalls - limits.MaxCalls/limits.AddressShare
	answers := make(chan reply, share)
	for range share {
		go func() { answers <- g.do("GET", api+"/runs/r", "") }()
	}
	for range share {
		<-inWork
	}
	refused := g.do("GET", api+"/runs/r", "")
	if refused.expect(t, 503, "busy", `"code":14`); refused.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	g.do("GET", api+"/healthz", "").expect(t, 200)
	g.do("GET", "/metrics", "").expect(t, 200)
	close(goOn)
	for range share {
		(<-answers).expect(t, 200)
	}
}

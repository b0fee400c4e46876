package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/limits"
)

type healthReply struct {
	CommitSHA     string `json:"commit_sha"`
	TagName       string `json:"tag_name"`
	MultiUser     bool   `json:"multi_user"`
	PipelineStore string `json:"pipeline_store,omitempty"` // not in v1beta1
}

// serveHealth tells whether the server, not just the gateway, can work.
func (g *gateway) serveHealth(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(g.headers.Outgoing(r), limits.HealthTimeout)
	defer cancel()
	health, err := g.health.GetHealthz(ctx, &emptypb.Empty{})
	if err != nil {
		apierror.WriteRPC(w, r, err)
		return
	}
	reply := healthReply{CommitSHA: g.cfg.CommitSHA, TagName: g.cfg.TagName, MultiUser: health.MultiUser}
	if strings.HasPrefix(r.URL.Path, "/apis/v2beta1/") {
		reply.PipelineStore = health.PipelineStore
	}
	body, _ := json.Marshal(reply)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

// Package health serves /apis/v2beta1/healthz, that of v1beta1, and that of MLflow.
package health

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/metadata"
	"github.com/penstock/penstock/gateway/request"
)

type reply struct {
	CommitSHA string `json:"commit_sha"`
	TagName   string `json:"tag_name"`
	MultiUser bool   `json:"multi_user"`
	*newer           // not in v1beta1
}

// newer has what is told besides, and the same under the names by which the server of KFP's own web UI hands it to pages,
// for those that have no such server.
type newer struct {
	PipelineStore string `json:"pipeline_store"`
	PageCommitSHA string `json:"apiServerCommitHash"`
	PageTagName   string `json:"apiServerTagName"`
	PageReady     bool   `json:"apiServerReady"`
	PageMultiUser bool   `json:"apiServerMultiUser"`
	PageStore     string `json:"pipelineStore"`
}

// Handler tells whether the server, not just the gateway, can work: it answers with the error of a server that does not
// say so within limits.HealthTimeout.
func Handler(conn grpc.ClientConnInterface, headers *metadata.Headers, commitSHA, tagName string) http.HandlerFunc {
	ask := asker(conn, headers)
	return func(w http.ResponseWriter, r *http.Request) {
		health, err := ask(r)
		if err != nil {
			apierror.WriteRPC(w, r, err)
			return
		}
		answer := reply{CommitSHA: commitSHA, TagName: tagName, MultiUser: health.MultiUser}
		if strings.HasPrefix(r.URL.Path, "/apis/v2beta1/") {
			answer.newer = &newer{PipelineStore: health.PipelineStore, PageCommitSHA: commitSHA, PageTagName: tagName,
				PageReady: true, PageMultiUser: health.MultiUser, PageStore: health.PipelineStore}
		}
		body, _ := json.Marshal(answer)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}
}

// TextHandler says OK in plain text, as MLflow does, or 503 and why not.
func TextHandler(conn grpc.ClientConnInterface, headers *metadata.Headers) http.HandlerFunc {
	ask := asker(conn, headers)
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		text := "OK"
		if _, err := ask(r); err != nil {
			text = status.Convert(err).Message()
			request.InfoOf(r.Context()).Failure = text
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, text)
	}
}

func asker(conn grpc.ClientConnInterface, headers *metadata.Headers) func(*http.Request) (*kfp.GetHealthzResponse, error) {
	client := kfp.NewHealthzServiceClient(conn)
	return func(r *http.Request) (*kfp.GetHealthzResponse, error) {
		ctx, cancel := context.WithTimeout(headers.Outgoing(r), limits.HealthTimeout)
		defer cancel()
		return client.GetHealthz(ctx, &emptypb.Empty{})
	}
}

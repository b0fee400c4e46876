package main

import (
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/metrics"
)

func TestMetricsOfBothProcesses(t *testing.T) {
	g, fake := startBoth(t)
	fake.answer = func(string, proto.Message) (proto.Message, error) {
		return &penstock.GetMetricsResponse{Text: "# TYPE penstock_server_x gauge\npenstock_server_x 1"}, nil
	}
	g.do("GET", api+"/runs/some-id", "")
	g.do("BREW", "/", "")
	reply := g.do("GET", "/metrics", "")
	reply.expect(t, 200, `penstock_gateway_requests_total{code="200",method="GET",route="/apis/v2beta1/runs/{run_id}"} 1`,
		`method="other"`, "penstock_gateway_server_up 1")
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(reply.body))
	if err != nil {
		t.Fatal(err)
	}
	for name := range families {
		if name != "penstock_server_x" && !strings.HasPrefix(name, metrics.Prefix) {
			t.Errorf("%s could clash with a metric of the server", name)
		}
	}
}

func TestMetricsWithoutServer(t *testing.T) {
	g := newTestGateway(t, "unix:"+t.TempDir()+"/none")
	g.do("GET", "/metrics", "").expect(t, 200, "penstock_gateway_server_up 0")
}

package settings

import (
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	s, err := Parse([]byte(`
launcher: {image: penstock, source: image_volume}
service_account: runner
stores_secret: stores
pods: {succeeded: 60, failed: keep}
pod: {spec: {tolerations: [{operator: Exists}]}}
namespaces: {team: {service_account: team-runner, patch: {spec: {hostNetwork: true}}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if s.PendingTimeout() != time.Hour || s.ImageTimeout() != 10*time.Minute || s.MaxPods != 1000 {
		t.Errorf("%+v", s)
	}
	if s.Pods.Succeeded.After != time.Minute || !s.Pods.Failed.Keep {
		t.Errorf("%+v", s.Pods)
	}
	scope, pods, patches := s.In("team")
	if scope.ServiceAccount != "team-runner" || scope.StoresSecret != "stores" || len(pods) != 1 || len(patches) != 1 {
		t.Errorf("%+v %s %s", scope, pods, patches)
	}
	if scope, _, patches := s.In("other"); scope.ServiceAccount != "runner" || len(patches) != 0 {
		t.Errorf("%+v %s", scope, patches)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for text, words := range map[string]string{
		"":                                   "launcher.image is missing",
		"launcher: {image: x, sorce: y}":     `"launcher.sorce" is no setting; did you mean "source"?`,
		"max_pods: 3":                        `"max_pods" is no setting`,
		"launcher: {image: x, source: disk}": "launcher.source must be",
		"launcher: {image: x}\npods: {failed: later}":                        "later is neither delete nor keep",
		"launcher: {image: x}\nreport: {listen: ':1'}":                       "both or neither",
		"launcher: {image: x}\npod: {spec: {toleration: []}}":                `did you mean "tolerations"?`,
		"launcher: {image: x}\nnamespaces: {a: {pod: {spec: {nodeNam: x}}}}": `namespaces.a.pod: "spec.nodeNam" is no setting; did you mean "nodeName"?`,
		"qps: 1\nqps: 2": "already",
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

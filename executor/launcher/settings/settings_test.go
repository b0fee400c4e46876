package settings

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/launcher/uri"
)

func at(t *testing.T, text string) uri.Location {
	t.Helper()
	l, err := uri.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTheLongestPrefixCounts(t *testing.T) {
	s, err := parse([]byte(`
default_pipeline_root: s3://team/penstock
stores:
- prefix: s3://
  region: a
- prefix: s3://team
  region: b
  credentials: {anonymous: true}
- prefix: s3://team/deep/
  region: c
`))
	if err != nil {
		t.Fatal(err)
	}
	for text, region := range map[string]string{"s3://teams/x": "a", "s3://team/x": "b", "s3://team": "b", "s3://team/deep/x": "c"} {
		if store, found := s.For(at(t, text)); !found || store.Region != region {
			t.Errorf("%s is reached by %+v", text, store)
		}
	}
	if _, found := s.For(at(t, "gs://team/x")); found {
		t.Error("nothing is said of gs://")
	}
}

func TestKubeflowPipelinesData(t *testing.T) {
	const providers = `
  s3:
    default: {endpoint: one:9000, disableSSL: true, credentials: {fromEnv: true}}
    overrides:
    - {bucketName: b, keyPrefix: p, region: x, credentials: {secretRef: {secretName: s, accessKeyKey: k, secretKeyKey: l}}}
    - {bucketName: b, keyPrefix: p/deeper, region: never, credentials: {fromEnv: true}}
`
	for _, text := range []string{"secrets_dir: /dir\nproviders: |" + providers, "secrets_dir: /dir\nproviders:" + providers} {
		s, err := parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		store, _ := s.For(at(t, "s3://b/p/deeper/x")) // the first that fits, not the longest
		if store.Region != "x" || store.Credentials.AccessKeyIDFile != "/dir/s/k" || store.Endpoint != "one:9000" || !store.DisableSSL {
			t.Errorf("%+v", store)
		}
		if store, _ := s.For(at(t, "s3://other/p")); store.Endpoint != "one:9000" || store.Credentials.AccessKeyIDFile != "" {
			t.Errorf("%+v", store)
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for text, words := range map[string]string{
		"stores:\n- prefix: s3://b\n  regoin: x": `line 3 has the key "regoin"`,
		"stores:\n- prefix: /b":                  `the prefix "/b" is none`,
		"stores: 3":                              "line 1",
		"stores:\n- prefix: s3://b\n  credentials: {profile: a, anonymous: true}":     "profile and anonymous",
		"stores:\n- prefix: gs://b\n  credentials: {profile: a}":                      "no way of gs://",
		"stores:\n- prefix: s3://b\n  credentials: {access_key_id_file: a}":           "half of a pair",
		"providers: {s3: {default: {endpoint: x}}}":                                   "default.credentials is missing",
		"providers: {s3: {default: {credentials: {secretRef: {secretName: secr}}}}}":  "no secrets_dir",
		"default_pipeline_root: /data":                                                "is not the URI of an object",
		"secrets_dir: /d\nproviders: {gs: {default: {credentials: {secretRef: {}}}}}": `the name ""`,
	} {
		if _, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v lacks %q", text, err, words)
		}
	}
}

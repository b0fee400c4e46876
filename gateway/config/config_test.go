package config

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestConfigFromFlagsAndEnvironment(t *testing.T) {
	cfg, err := Parse([]string{"--listen", "0.0.0.0:1", "--allowed_hosts=a, b"},
		env("PENSTOCK_GATEWAY_LISTEN", "0.0.0.0:2", "PENSTOCK_GATEWAY_SERVER", "unix:/s",
			"PENSTOCK_GATEWAY_EXIT_ON_STDIN_EOF", "true", "KUBEFLOW_USERID_HEADER", "kubeflow-userid", "TAG_NAME", "t"),
		io.Discard, Build{})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Listen != "0.0.0.0:1" || cfg.Server != "unix:/s" || !cfg.ExitOnStdinEOF || len(cfg.AllowedHosts) != 2 ||
		cfg.UserIDHeader != "kubeflow-userid" || cfg.TagName != "t" || cfg.MaxUploadBytes != 32<<20 {
		t.Errorf("%+v", cfg)
	}
}

func TestConfigMistakesAreNamed(t *testing.T) {
	for _, c := range []struct{ argument, text string }{
		{"--listen=8888", "--listen must be host:port"},
		{"--server=", "--server must not be empty"},
		{"--max_upload_bytes=0", "--max_upload_bytes"},
		{"--max_upload_bytes=62914561", "--max_upload_bytes"},
		{"--shutdown_grace=-1s", "--shutdown_grace"},
		{"--log_format=xml", "text or json"},
		{"--log_level=loud", "--log_level"},
		{"--trusted_origins=example.org", "--trusted_origins"},
		{"--no_such", "--help"},
		{"argument", "unexpected argument"},
	} {
		if _, err := Parse([]string{c.argument}, env(), io.Discard, Build{}); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.argument, err)
		}
	}
	_, err := Parse(nil, env("PENSTOCK_GATEWAY_MAX_UPLOAD_BYTES", "many"), io.Discard, Build{})
	if err == nil || !strings.Contains(err.Error(), "PENSTOCK_GATEWAY_MAX_UPLOAD_BYTES") {
		t.Errorf("%v", err)
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if _, err := Parse([]string{"--help"}, env(), &out, Build{}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("%v", err)
	}
	if !strings.Contains(out.String(), "--listen <address>") {
		t.Error(out.String())
	}
}

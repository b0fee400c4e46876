package uri

import (
	"strings"
	"testing"
)

func TestKeysAreRaw(t *testing.T) {
	for _, key := range []string{"a", "a b/ü/%2F/..", "what?/#", "folder/", strings.Repeat("k", 1024), ""} {
		l, err := Parse("s3://bucket/" + key)
		if err != nil || l.Key != key || l.Bucket != "bucket" || l.String() != "s3://bucket/"+key {
			t.Errorf("%q: %+v, %v", key, l, err)
		}
	}
	for _, text := range []string{"", "a", "/a", "http://a/b", "s3:///key", "s3://a?b/c", "s3://b/" + strings.Repeat("k", 1025), "s3://b/\x00"} {
		if l, err := Parse(text); err == nil {
			t.Errorf("%q is taken as %+v", text, l)
		}
	}
}

func TestARootMayHaveAQuery(t *testing.T) {
	l, err := ParseRoot("s3://bucket/prefix?endpoint=one:9000&disableSSL=true")
	if err != nil || l.Key != "prefix" || l.Query.Get("endpoint") != "one:9000" || l.String() != "s3://bucket/prefix" {
		t.Errorf("%+v, %v", l, err)
	}
	if below := l.Below("a/b").String(); below != "s3://bucket/prefix/a/b" {
		t.Error(below)
	}
}

// Package uri takes apart the URIs of objects: s3://bucket/key, minio://bucket/key, gs://bucket/key and
// azblob://container/key. Keys are raw, as Kubeflow Pipelines has them: nothing in them is decoded.
package uri

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/penstock/penstock/launcher/limits"
)

// Schemes of stores.
const (
	S3     = "s3"
	MinIO  = "minio"
	GCS    = "gs"
	Azure  = "azblob"
	behind = "://"
)

// Location is an object, or the folder of all objects below it. Constant.
type Location struct {
	Scheme string
	Bucket string
	Key    string // may be empty: the whole bucket
	// Query says how the bucket is to be opened, where a pipeline root says so: artifacts' URIs do not have it.
	Query url.Values
}

// IsRemote tells whether text is the URI of an object by its scheme.
func IsRemote(text string) bool {
	scheme, _, found := strings.Cut(text, behind)
	return found && isScheme(scheme)
}

func isScheme(scheme string) bool {
	return scheme == S3 || scheme == MinIO || scheme == GCS || scheme == Azure
}

// Parse takes the URI of an object, whose key may hold any byte, a question mark too.
func Parse(text string) (Location, error) {
	scheme, rest, found := strings.Cut(text, behind)
	if !found || !isScheme(scheme) {
		return Location{}, fmt.Errorf("%q is not the URI of an object: that is s3://, minio://, gs:// or azblob://, "+
			"a bucket, a slash and a key", shortened(text))
	}
	bucket, key, _ := strings.Cut(rest, "/")
	if bucket == "" || strings.ContainsAny(bucket, "?#@ \t\n") {
		return Location{}, fmt.Errorf("%q has no bucket behind %s://: letters, digits, dots and dashes up to the next slash",
			shortened(text), scheme)
	}
	if len(key) > limits.KeyBytes {
		return Location{}, fmt.Errorf("the key of %q has %d bytes; stores take up to %d", shortened(text), len(key), limits.KeyBytes)
	}
	if strings.ContainsRune(key, 0) {
		return Location{}, fmt.Errorf("the key of %q has a NUL byte, which no store takes", shortened(text))
	}
	return Location{Scheme: scheme, Bucket: bucket, Key: key}, nil
}

// ParseRoot takes a pipeline root, which may end in a query as Kubeflow Pipelines has it:
// s3://bucket/prefix?endpoint=minio.example:9000&region=us-east-1&disableSSL=true&s3ForcePathStyle=true. A settings
// file is the better way to say so, since a query is repeated in each run.
func ParseRoot(text string) (Location, error) {
	plain, query, found := strings.Cut(text, "?")
	l, err := Parse(plain)
	if err != nil || !found {
		return l, err
	}
	l.Query, err = url.ParseQuery(query)
	if err != nil {
		return Location{}, fmt.Errorf("the query of the pipeline root %q is malformed: %v", shortened(plain), err)
	}
	return l, nil
}

// String is the URI, without query.
func (l Location) String() string { return l.BucketURI() + l.Key }

// BucketURI ends in a slash.
func (l Location) BucketURI() string { return l.Scheme + behind + l.Bucket + "/" }

// Below is what lies at a path below the location.
func (l Location) Below(path string) Location {
	l.Key = l.Prefix() + path
	return l
}

// Prefix is what the keys of all objects below the location begin with: the key and a slash, or nothing for a bucket.
func (l Location) Prefix() string {
	if l.Key == "" || strings.HasSuffix(l.Key, "/") {
		return l.Key
	}
	return l.Key + "/"
}

func shortened(text string) string {
	if len(text) > limits.MessageURLBytes {
		return text[:limits.MessageURLBytes] + "..."
	}
	return text
}

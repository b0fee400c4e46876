// Package settings reads how stores are reached: a settings file of ours, or the data of Kubeflow Pipelines' ConfigMap
// kfp-launcher with a folder of its secrets.
package settings

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/uri"
)

// Settings are what one file says. Constant after Read.
type Settings struct {
	DefaultPipelineRoot string  `yaml:"default_pipeline_root"`
	Stores              []Store `yaml:"stores"`
	// The first of Stores that fits counts, as Kubeflow Pipelines has it, rather than the one with the longest prefix.
	inOrder bool
}

// Store says how the buckets below a prefix are reached. What it leaves out is the cloud's own convention.
type Store struct {
	Prefix      string      `yaml:"prefix"`
	Endpoint    string      `yaml:"endpoint"` // with or without scheme
	Region      string      `yaml:"region"`
	DisableSSL  bool        `yaml:"disable_ssl"`
	PathStyle   *bool       `yaml:"path_style"` // of S3; nil: if there is an endpoint
	CAFile      string      `yaml:"ca_file"`
	MaxRetries  *int        `yaml:"max_retries"`
	Credentials Credentials `yaml:"credentials"`
}

// Credentials name one way to prove who asks. Files are read again when they change.
type Credentials struct {
	AccessKeyIDFile     string `yaml:"access_key_id_file"`
	SecretAccessKeyFile string `yaml:"secret_access_key_file"`
	SessionTokenFile    string `yaml:"session_token_file"`

	AccessKeyIDEnv     string `yaml:"access_key_id_env"`
	SecretAccessKeyEnv string `yaml:"secret_access_key_env"`

	Profile   string `yaml:"profile"` // of ~/.aws
	Anonymous bool   `yaml:"anonymous"`

	GoogleCredentialsFile string `yaml:"google_credentials_file"`

	AzureAccount              string `yaml:"azure_account"`
	AzureKeyFile              string `yaml:"azure_key_file"`
	AzureConnectionStringFile string `yaml:"azure_connection_string_file"`
}

// Of a file that spells Kubeflow Pipelines' data.
var kfpKey = regexp.MustCompile(`(?m)^"?(defaultPipelineRoot|providers)"?\s*:`)

// What yaml says of a key that a struct lacks, and of other mistakes.
var (
	unknownKey = regexp.MustCompile(`line (\d+): field (.+) not found in type`)
	atLine     = regexp.MustCompile(`line (\d+): (.*)`)
)

// Read takes the file at path; an empty path has no settings.
func Read(path string) (*Settings, error) {
	if path == "" {
		return &Settings{}, nil
	}
	text, err := ReadBounded(path)
	if err != nil {
		return nil, failure.New(failure.Settings, "the settings of stores cannot be read: %v", err)
	}
	settings, err := parse(text)
	if err != nil {
		return nil, failure.New(failure.Settings, "the settings of stores %s make no sense: %v", path, err)
	}
	return settings, nil
}

func parse(text []byte) (*Settings, error) {
	settings := &Settings{}
	var err error
	if kfpKey.Match(text) {
		settings, err = parseKFP(text)
	} else {
		err = decode(text, settings)
	}
	if err != nil {
		return nil, err
	}
	if settings.DefaultPipelineRoot != "" {
		if _, err := uri.ParseRoot(settings.DefaultPipelineRoot); err != nil {
			return nil, err
		}
	}
	for i := range settings.Stores {
		if err := settings.Stores[i].check(); err != nil {
			return nil, err
		}
	}
	return settings, nil
}

// decode refuses unknown keys, and names the line.
func decode(text []byte, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	err := decoder.Decode(into)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	if match := unknownKey.FindStringSubmatch(err.Error()); match != nil {
		return failure.New(failure.Settings, "line %s has the key %q, which is none of theirs", match[1], match[2])
	}
	if match := atLine.FindStringSubmatch(err.Error()); match != nil {
		return failure.New(failure.Settings, "line %s: %s", match[1], match[2])
	}
	return err
}

func (s *Store) check() error {
	scheme, _, found := strings.Cut(s.Prefix, "://")
	if !found || !uri.IsRemote(s.Prefix) {
		return failure.New(failure.Settings, "the prefix %q is none: it begins with s3://, minio://, gs:// or azblob://", s.Prefix)
	}
	ways, of := s.Credentials.ways()
	if len(ways) > 1 {
		return failure.New(failure.Settings, "the credentials of the prefix %s go by %s; one of these ways is right",
			s.Prefix, strings.Join(ways, " and "))
	}
	if len(ways) == 1 && of != "" && of != family(scheme) {
		return failure.New(failure.Settings, "the credentials of the prefix %s go by %s, which is no way of %s://",
			s.Prefix, ways[0], scheme)
	}
	c := s.Credentials
	if (c.AccessKeyIDFile == "") != (c.SecretAccessKeyFile == "") || (c.AccessKeyIDEnv == "") != (c.SecretAccessKeyEnv == "") ||
		(c.SessionTokenFile != "" && c.AccessKeyIDFile == "") || (c.AzureAccount == "") != (c.AzureKeyFile == "") {
		return failure.New(failure.Settings, "the credentials of the prefix %s are half of a pair: access_key_id_file and "+
			"secret_access_key_file, access_key_id_env and secret_access_key_env, azure_account and azure_key_file go together", s.Prefix)
	}
	if s.MaxRetries != nil && (*s.MaxRetries < 0 || *s.MaxRetries > 100) {
		return failure.New(failure.Settings, "max_retries of the prefix %s is %d; 0 to 100 is right", s.Prefix, *s.MaxRetries)
	}
	return nil
}

func family(scheme string) string {
	if scheme == uri.MinIO {
		return uri.S3
	}
	return scheme
}

// ways names those that are set, and the scheme of the store that they are for, if they are for one.
func (c *Credentials) ways() (ways []string, of string) {
	for _, way := range []struct {
		is     bool
		name   string
		scheme string
	}{
		{c.AccessKeyIDFile != "" || c.SecretAccessKeyFile != "", "access_key_id_file", uri.S3},
		{c.AccessKeyIDEnv != "" || c.SecretAccessKeyEnv != "", "access_key_id_env", uri.S3},
		{c.Profile != "", "profile", uri.S3},
		{c.Anonymous, "anonymous", ""},
		{c.GoogleCredentialsFile != "", "google_credentials_file", uri.GCS},
		{c.AzureAccount != "" || c.AzureKeyFile != "", "azure_account", uri.Azure},
		{c.AzureConnectionStringFile != "", "azure_connection_string_file", uri.Azure},
	} {
		if way.is {
			ways, of = append(ways, way.name), way.scheme
		}
	}
	return ways, of
}

// For is how the location is reached; false if nothing is said of it.
func (s *Settings) For(l uri.Location) (Store, bool) {
	best, found := Store{}, false
	for _, store := range s.Stores {
		if !isBelow(l.String(), store.Prefix) {
			continue
		}
		if !found || (!s.inOrder && len(store.Prefix) > len(best.Prefix)) {
			best, found = store, true
		}
	}
	return best, found
}

// isBelow counts whole names: s3://team is no prefix of s3://teams/key.
func isBelow(text, prefix string) bool {
	return strings.HasPrefix(text, prefix) && (len(text) == len(prefix) || strings.HasSuffix(prefix, "/") || text[len(prefix)] == '/') ||
		text+"/" == prefix
}

// Prefixes are those for which something is said, in the order of the file.
func (s *Settings) Prefixes() []string {
	var prefixes []string
	for _, store := range s.Stores {
		prefixes = append(prefixes, store.Prefix)
	}
	return prefixes
}

// ReadBounded is the content of a small file.
func ReadBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, limits.SettingsBytes+1))
	if err == nil && len(text) > limits.SettingsBytes {
		err = failure.New(failure.Settings, "%s has more than %d bytes", path, limits.SettingsBytes)
	}
	return text, err
}

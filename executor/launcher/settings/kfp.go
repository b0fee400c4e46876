package settings

import (
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/uri"
)

// kfpFile is the data of a ConfigMap kfp-launcher; other keys of it are none of ours.
type kfpFile struct {
	DefaultPipelineRoot string    `yaml:"defaultPipelineRoot"`
	Providers           yaml.Node `yaml:"providers"` // a mapping, or YAML text as in a ConfigMap
	// Below which the Secret a with the key k is the file a/k.
	SecretsDir string `yaml:"secrets_dir"`
	ClusterDNS string `yaml:"clusterDomain"`
}

type kfpProviders map[string]*struct {
	Default   *kfpSession  `yaml:"default"`
	Overrides []kfpSession `yaml:"overrides"`
}

// Kubeflow Pipelines passes over keys that it does not know, and so does this.
type kfpSession struct {
	BucketName     string          `yaml:"bucketName"`
	KeyPrefix      string          `yaml:"keyPrefix"`
	Endpoint       string          `yaml:"endpoint"`
	Region         string          `yaml:"region"`
	DisableSSL     *bool           `yaml:"disableSSL"`
	ForcePathStyle *bool           `yaml:"forcePathStyle"`
	MaxRetries     *int            `yaml:"maxRetries"`
	Credentials    *kfpCredentials `yaml:"credentials"`
}

type kfpCredentials struct {
	FromEnv   bool `yaml:"fromEnv"`
	SecretRef *struct {
		SecretName   string `yaml:"secretName"`
		AccessKeyKey string `yaml:"accessKeyKey"`
		SecretKeyKey string `yaml:"secretKeyKey"`
		TokenKey     string `yaml:"tokenKey"`
	} `yaml:"secretRef"`
}

func parseKFP(text []byte) (*Settings, error) {
	var file kfpFile
	if err := decode(text, &file); err != nil {
		return nil, err
	}
	settings := &Settings{DefaultPipelineRoot: file.DefaultPipelineRoot, inOrder: true}
	providers := kfpProviders{}
	var err error
	if file.Providers.Kind == yaml.ScalarNode {
		err = yaml.Unmarshal([]byte(file.Providers.Value), &providers)
	} else if file.Providers.Kind != 0 {
		err = file.Providers.Decode(&providers)
	}
	if err != nil {
		return nil, failure.New(failure.Settings, "providers: %v", err)
	}
	for _, scheme := range []string{uri.S3, uri.MinIO, uri.GCS} {
		provider := providers[scheme]
		if provider == nil {
			continue
		}
		if provider.Default == nil || provider.Default.Credentials == nil {
			return nil, failure.New(failure.Settings, "providers.%s: default.credentials is missing", scheme)
		}
		// Overrides come first, since the first that fits counts.
		for _, override := range provider.Overrides {
			store, err := override.store(scheme, provider.Default, file.SecretsDir)
			if err != nil {
				return nil, err
			}
			settings.Stores = append(settings.Stores, store)
		}
		store, err := provider.Default.store(scheme, provider.Default, file.SecretsDir)
		if err != nil {
			return nil, err
		}
		settings.Stores = append(settings.Stores, store)
	}
	return settings, nil
}

func (s *kfpSession) store(scheme string, otherwise *kfpSession, secretsDir string) (Store, error) {
	isOverride := s != otherwise
	where := "providers." + scheme + ".default"
	prefix := scheme + "://"
	if isOverride {
		where = "providers." + scheme + ".overrides"
		if s.BucketName == "" {
			return Store{}, failure.New(failure.Settings, "%s: one has no bucketName", where)
		}
		if s.Credentials == nil {
			return Store{}, failure.New(failure.Settings, "%s: the one of the bucket %s has no credentials", where, s.BucketName)
		}
		prefix += s.BucketName + "/" + strings.Trim(s.KeyPrefix, "/")
		prefix = strings.TrimSuffix(prefix, "/") + "/"
	}
	store := Store{Prefix: prefix, Endpoint: s.Endpoint, Region: s.Region, MaxRetries: s.MaxRetries}
	if store.Endpoint == "" {
		store.Endpoint = otherwise.Endpoint
	}
	if store.Region == "" {
		store.Region = otherwise.Region
	}
	if store.MaxRetries == nil {
		store.MaxRetries = otherwise.MaxRetries
	}
	if ssl := either(s.DisableSSL, otherwise.DisableSSL); ssl != nil {
		store.DisableSSL = *ssl
	}
	store.PathStyle = either(s.ForcePathStyle, otherwise.ForcePathStyle)
	// Kubeflow Pipelines drops it, so that the region decides.
	if strings.TrimPrefix(strings.TrimPrefix(store.Endpoint, "https://"), "http://") == "s3.amazonaws.com" {
		store.Endpoint = ""
	}
	credentials, err := s.Credentials.files(scheme, where, secretsDir)
	store.Credentials = credentials
	return store, err
}

func either(first, second *bool) *bool {
	if first != nil {
		return first
	}
	return second
}

func (c *kfpCredentials) files(scheme, where, secretsDir string) (Credentials, error) {
	if c.FromEnv || c.SecretRef == nil {
		return Credentials{}, nil
	}
	ref := c.SecretRef
	if secretsDir == "" {
		return Credentials{}, failure.New(failure.Settings, "%s names the secret %q, and there is no secrets_dir, below which "+
			"the files of secrets are", where, ref.SecretName)
	}
	keys := []string{ref.AccessKeyKey, ref.SecretKeyKey}
	if scheme == uri.GCS {
		keys = []string{ref.TokenKey}
	}
	for _, name := range append(keys, ref.SecretName) {
		if name == "" || strings.Contains(name, "/") || name == ".." {
			return Credentials{}, failure.New(failure.Settings, "%s.credentials.secretRef has the name %q; secretName and each "+
				"key are names of a folder and of files in it", where, name)
		}
	}
	file := func(key string) string { return filepath.Join(secretsDir, ref.SecretName, key) }
	if scheme == uri.GCS {
		return Credentials{GoogleCredentialsFile: file(ref.TokenKey)}, nil
	}
	return Credentials{AccessKeyIDFile: file(ref.AccessKeyKey), SecretAccessKeyFile: file(ref.SecretKeyKey)}, nil
}

package pod

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/inpod/credentials"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// The prefixes of the annotations with the hosts of a secret. The rest of their keys only makes them unique.
const (
	gitAnnotation    = v1.GroupName + "/git-"
	dockerAnnotation = v1.GroupName + "/docker-"
)

// credentialsOf returns the credentials in a secret of the service account. The configuration of a registry's client contains
// its hosts.
func credentialsOf(secret corev1.Secret) []credentials.Credential {
	var list []credentials.Credential
	add := func(kind credentials.Kind, annotation string) {
		for _, key := range slices.Sorted(maps.Keys(secret.Annotations)) {
			if strings.HasPrefix(key, annotation) {
				list = append(list, credentials.Credential{Kind: kind, Secret: secret.Name, URL: secret.Annotations[key]})
			}
		}
	}
	switch secret.Type {
	case corev1.SecretTypeBasicAuth:
		add(credentials.GitBasic, gitAnnotation)
		add(credentials.DockerBasic, dockerAnnotation)
	case corev1.SecretTypeSSHAuth:
		add(credentials.GitSSH, gitAnnotation)
	case corev1.SecretTypeDockerConfigJson:
		list = append(list, credentials.Credential{Kind: credentials.DockerConfig, Secret: secret.Name})
	case corev1.SecretTypeDockercfg:
		list = append(list, credentials.Credential{Kind: credentials.DockerCfg, Secret: secret.Name})
	default:
		// Other types are not for git or registries, whatever their annotations are.
	}
	return list
}

// secretVolumes returns the volumes of the secrets with credentials.
func (b *builder) secretVolumes() []corev1.Volume {
	var volumes []corev1.Volume
	for i, secret := range b.Credentials {
		if len(credentialsOf(secret)) > 0 {
			volumes = append(volumes, corev1.Volume{Name: numbered(secretVolumePrefix, i), VolumeSource: corev1.VolumeSource{
				// If the secret is deleted meanwhile, the entrypoint reports it. Without Optional the pod would wait for it
				// forever.
				Secret: &corev1.SecretVolumeSource{SecretName: secret.Name, Optional: new(true)},
			}})
		}
	}
	return volumes
}

// hasCredentials reports whether any secret has credentials.
func (b *builder) hasCredentials() bool {
	return slices.ContainsFunc(b.Credentials, func(s corev1.Secret) bool { return len(credentialsOf(s)) > 0 })
}

// needsCredentials reports whether a step has the directory of credentials. A step that mentions the directory also gets it,
// even if it is empty.
func (b *builder) needsCredentials(s v1.Step) bool {
	return b.hasCredentials() || mentions(s, podpaths.CredentialsDir)
}

func (b *builder) credentialMounts(s v1.Step, i int) []corev1.VolumeMount {
	if !b.needsCredentials(s) {
		return nil
	}
	mounts := []corev1.VolumeMount{{Name: numbered(credentialsVolumePrefix, i), MountPath: podpaths.CredentialsDir}}
	for n, secret := range b.Credentials {
		if len(credentialsOf(secret)) > 0 {
			mounts = append(mounts, corev1.VolumeMount{
				Name: numbered(secretVolumePrefix, n), MountPath: podpaths.SecretsDir + "/" + secret.Name, ReadOnly: true,
			})
		}
	}
	return mounts
}

// credentialArgs returns the entrypoint's arguments for the credentials.
func (b *builder) credentialArgs() []string {
	var args []string
	for _, secret := range b.Credentials {
		for _, c := range credentialsOf(secret) {
			args = append(args, option("credential", literal(c.String())))
		}
	}
	if args != nil {
		args = append(args, "-credentials-dir", podpaths.CredentialsDir, "-secrets-dir", podpaths.SecretsDir, "-passwd", passwdFile)
	}
	return args
}

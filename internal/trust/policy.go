package trust

import (
	"cmp"
	"errors"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-ci/sluice/api/v1alpha1"
)

// maxShown is the maximum length in bytes of a wrong value in a message.
const maxShown = 128

// messageKMS is the reason why a policy with a key management service cannot be used.
const messageKMS = "keys in a key management service are not supported; export the public key, and give it in data or secretRef"

var (
	errOneKey = errors.New("give exactly one of data, secretRef and kms")
	errKMS    = errors.New("kms: " + messageKMS)
)

// CheckPolicy returns what is wrong with a policy: patterns that do not compile, and keys that cannot be used. Secrets are not
// read.
func CheckPolicy(p *v1alpha1.VerificationPolicy) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("spec")
	if len(p.Spec.Resources) == 0 {
		errs = append(errs, field.Required(path.Child("resources"), "give at least one pattern; .* matches each source"))
	}
	for i := range p.Spec.Resources {
		if _, err := parsed(p.Spec.Resources[i].Pattern); err != nil {
			errs = append(errs, field.Invalid(path.Child("resources").Index(i).Child("pattern"), shown(p.Spec.Resources[i].Pattern), err.Error()))
		}
	}
	if len(p.Spec.Authorities) == 0 {
		errs = append(errs, field.Required(path.Child("authorities"), "give at least one key"))
	}
	for i := range p.Spec.Authorities {
		errs = append(errs, checkAuthority(&p.Spec.Authorities[i], path.Child("authorities").Index(i))...)
	}
	switch p.Spec.Mode {
	case "", v1alpha1.ModeEnforce, v1alpha1.ModeWarn:
	default:
		errs = append(errs, field.NotSupported(path.Child("mode"), p.Spec.Mode, []v1alpha1.Mode{v1alpha1.ModeEnforce, v1alpha1.ModeWarn}))
	}
	return errs
}

func checkAuthority(a *v1alpha1.Authority, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if a.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), "messages name the authority"))
	}
	key := path.Child("key")
	if a.Key == nil {
		return append(errs, field.Required(key, errOneKey.Error()))
	}
	if _, err := hashOf(a.Key.HashAlgorithm); err != nil {
		errs = append(errs, field.NotSupported(key.Child("hashAlgorithm"), shown(a.Key.HashAlgorithm), hashes()))
	}
	switch {
	case kinds(a.Key) != 1:
		errs = append(errs, field.Invalid(key, a.Name, errOneKey.Error()))
	case a.Key.KMS != "":
		errs = append(errs, field.Invalid(key.Child("kms"), shown(a.Key.KMS), messageKMS))
	case a.Key.SecretRef != nil && a.Key.SecretRef.Name == "":
		errs = append(errs, field.Required(key.Child("secretRef", "name"), "give the name of a Secret"))
	case a.Key.Data != "":
		if _, err := ParseKey([]byte(a.Key.Data), ""); err != nil {
			errs = append(errs, field.Invalid(key.Child("data"), shown(a.Key.Data), err.Error()))
		}
	}
	return errs
}

// kinds returns how many of data, secretRef and kms a key has.
func kinds(k *v1alpha1.KeyRef) int {
	count := 0
	for _, given := range []bool{k.Data != "", k.SecretRef != nil, k.KMS != ""} {
		if given {
			count++
		}
	}
	return count
}

func shown(value string) string {
	if len(value) <= maxShown {
		return value
	}
	return strings.ToValidUTF8(value[:maxShown], "") + "…"
}

// KeyOf returns the key of an authority. secret returns the public key in a Secret; its error is returned as it is.
func KeyOf(a *v1alpha1.Authority, namespace string, secret func(namespace, name string) ([]byte, error)) (Key, error) {
	switch {
	case a.Key == nil || kinds(a.Key) != 1:
		return Key{}, errOneKey
	case a.Key.KMS != "":
		return Key{}, errKMS
	case a.Key.Data != "":
		return ParseKey([]byte(a.Key.Data), a.Key.HashAlgorithm)
	}
	pem, err := secret(cmp.Or(a.Key.SecretRef.Namespace, namespace), a.Key.SecretRef.Name)
	if err != nil {
		return Key{}, err
	}
	return ParseKey(pem, a.Key.HashAlgorithm)
}

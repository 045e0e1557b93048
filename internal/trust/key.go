package trust

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// maxKey is the maximum size in bytes of a public key in PEM: a key of RSA with 16384 bits has less than 3000.
	maxKey = 16 << 10
	// maxRSA is the maximum size in bits of a key of RSA: the time that it takes grows with the square of the size.
	maxRSA = 16384
)

// The errors of a signature.
var (
	errUnsigned = errors.New("it is not signed: it has no annotation " + AnnotationSignature)
	errBase64   = errors.New("its annotation " + AnnotationSignature + " is not base64")
	errMismatch = errors.New("it was changed after it was signed, or was signed with another key")
	errNoKeys   = errors.New("it has no authorities")
)

// Key is a public key that verifies signatures.
type Key struct{ verifier signature.Verifier }

// ParseKey reads a public key in PEM: ECDSA, RSA or Ed25519. hash is the name of the hash algorithm; empty means sha256.
func ParseKey(pem []byte, hash string) (Key, error) {
	if len(pem) > maxKey {
		return Key{}, fmt.Errorf("the public key has %d bytes, more than the limit of %d", len(pem), maxKey)
	}
	algorithm, err := hashOf(hash)
	if err != nil {
		return Key{}, err
	}
	public, err := cryptoutils.UnmarshalPEMToPublicKey(bytes.TrimSpace(pem))
	if err != nil {
		return Key{}, fmt.Errorf("it is not a public key in PEM: %w", err)
	}
	if large, ok := public.(*rsa.PublicKey); ok && large.N.BitLen() > maxRSA {
		return Key{}, fmt.Errorf("the public key has %d bits, more than the limit of %d for RSA", large.N.BitLen(), maxRSA)
	}
	verifier, err := signature.LoadVerifier(public, algorithm)
	if err != nil {
		return Key{}, fmt.Errorf("cannot use the public key: %w", err)
	}
	return Key{verifier}, nil
}

// hashes returns the names of the hash algorithms, in the order in which messages name them.
func hashes() []string { return []string{"sha224", "sha256", "sha384", "sha512"} }

func hashOf(name string) (crypto.Hash, error) {
	switch strings.ToLower(name) {
	case "", "sha256":
		return crypto.SHA256, nil
	case "sha224":
		return crypto.SHA224, nil
	case "sha384":
		return crypto.SHA384, nil
	case "sha512":
		return crypto.SHA512, nil
	default:
		return 0, fmt.Errorf("hashAlgorithm: %q is unknown; use one of %s", name, strings.Join(hashes(), ", "))
	}
}

// Signer signs definitions with a private key.
type Signer struct{ signer signature.Signer }

// ParseSigner reads a private key in PEM: plain, or encrypted as openssl and cosign do it. password is called only for an
// encrypted key.
func ParseSigner(pem []byte, password func() ([]byte, error)) (Signer, error) {
	private, err := cryptoutils.UnmarshalPEMToPrivateKey(pem, func(bool) ([]byte, error) { return password() })
	if err != nil {
		return Signer{}, fmt.Errorf("it is not a private key in PEM, or the password is wrong: %w", err)
	}
	signer, err := signature.LoadSigner(private, crypto.SHA256)
	if err != nil {
		return Signer{}, fmt.Errorf("cannot use the private key: %w", err)
	}
	return Signer{signer}, nil
}

// Key returns the key that verifies the signatures.
func (s Signer) Key() (Key, error) {
	public, err := s.signer.PublicKey()
	if err != nil {
		return Key{}, fmt.Errorf("cannot get the public key: %w", err)
	}
	verifier, err := signature.LoadVerifier(public, crypto.SHA256)
	if err != nil {
		return Key{}, fmt.Errorf("cannot use the public key: %w", err)
	}
	return Key{verifier}, nil
}

// Sign returns the value of the annotation AnnotationSignature for a definition. An annotation that it already has is not
// covered.
func (s Signer) Sign(object metav1.Object) (string, error) {
	canonical, err := CanonicalOf(object)
	if err != nil {
		return "", err
	}
	digest, err := canonical.digest(signingForm())
	if err != nil {
		return "", err
	}
	signed, err := s.signer.SignMessage(bytes.NewReader(digest))
	if err != nil {
		return "", fmt.Errorf("cannot sign: %w", err)
	}
	return base64.StdEncoding.EncodeToString(signed), nil
}

// Verify reports whether a definition has a signature of one of the keys. The error says what is wrong.
func Verify(object metav1.Object, keys []Key) error {
	if len(keys) == 0 {
		return errNoKeys
	}
	encoded, ok := object.GetAnnotations()[AnnotationSignature]
	if !ok {
		return errUnsigned
	}
	signed, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return errBase64
	}
	canonical, err := CanonicalOf(object)
	if err != nil {
		return err
	}
	digests, err := canonical.digests()
	if err != nil {
		return err
	}
	for _, key := range keys {
		for _, digest := range digests {
			if key.verifier.VerifySignature(bytes.NewReader(signed), bytes.NewReader(digest)) == nil {
				return nil
			}
		}
	}
	return errMismatch
}

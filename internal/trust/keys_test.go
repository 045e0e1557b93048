package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pair is a private key, and its public key in PEM.
type pair struct {
	private []byte
	public  []byte
}

func pemOf(t *testing.T, private crypto.Signer) pair {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	public, err := cryptoutils.MarshalPublicKeyToPEM(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pair{pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), public}
}

func newECDSA(t *testing.T, curve elliptic.Curve) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf(t, key)
}

func (p pair) signer(t *testing.T) Signer {
	t.Helper()
	s, err := ParseSigner(p.private, func() ([]byte, error) { return nil, errors.New("no password") })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (p pair) key(t *testing.T) Key {
	t.Helper()
	k, err := ParseKey(p.public, "")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// signed returns an object with the signature of a key.
func signed(t *testing.T, object metav1.Object, by pair) metav1.Object {
	t.Helper()
	signature, err := by.signer(t).Sign(object)
	if err != nil {
		t.Fatal(err)
	}
	annotations := map[string]string{AnnotationSignature: signature}
	for key, value := range object.GetAnnotations() {
		if key != AnnotationSignature {
			annotations[key] = value
		}
	}
	object.SetAnnotations(annotations)
	return object
}

// TestKinds: each kind of key signs each kind of definition.
func TestKinds(t *testing.T) {
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rivest, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, by := range map[string]pair{
		"ECDSA256": newECDSA(t, elliptic.P256()),
		"ECDSA384": newECDSA(t, elliptic.P384()),
		"Ed25519":  pemOf(t, edwards),
		"RSA":      pemOf(t, rivest),
	} {
		for _, file := range []string{"task.yaml", "pipeline.yaml", "stepaction.yaml"} {
			t.Run(name+file, func(t *testing.T) {
				if err := Verify(signed(t, stored(t, file), by), []Key{by.key(t)}); err != nil {
					t.Error(err)
				}
				if err := Verify(signed(t, stored(t, file), by), []Key{newECDSA(t, elliptic.P256()).key(t), by.key(t)}); err != nil {
					t.Errorf("one of two keys is enough: %v", err)
				}
				if err := Verify(signed(t, stored(t, file), by), []Key{newECDSA(t, elliptic.P256()).key(t)}); !errors.Is(err, errMismatch) {
					t.Errorf("another key: %v", err)
				}
			})
		}
	}
}

// TestEncryptedKeys: the password is asked for only if the key is encrypted.
func TestEncryptedKeys(t *testing.T) {
	private, public, err := cryptoutils.GeneratePEMEncodedECDSAKeyPair(elliptic.P256(), cryptoutils.StaticPasswordFunc([]byte("right")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseSigner(private, func() ([]byte, error) { return []byte("wrong"), nil }); err == nil {
		t.Error("a wrong password opens the key")
	}
	signer, err := ParseSigner(private, func() ([]byte, error) { return []byte("right"), nil })
	if err != nil {
		t.Fatal(err)
	}
	object := stored(t, "plain.yaml")
	signature, err := signer.Sign(object)
	if err != nil {
		t.Fatal(err)
	}
	object.SetAnnotations(map[string]string{AnnotationSignature: signature})
	if err := Verify(object, []Key{pair{public: public}.key(t)}); err != nil {
		t.Error(err)
	}
}

// rsaOf returns a public key of RSA with a number of bits, which belongs to no private key.
func rsaOf(t *testing.T, bits uint) []byte {
	t.Helper()
	modulus := new(big.Int).Lsh(big.NewInt(1), bits-1)
	public, err := cryptoutils.MarshalPublicKeyToPEM(&rsa.PublicKey{N: modulus.SetBit(modulus, 0, 1), E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func TestKeysThatAreRefused(t *testing.T) {
	good := newECDSA(t, elliptic.P256())
	cases := map[string]struct {
		pem  []byte
		hash string
		want string
	}{
		"Nothing": {
			want: "it is not a public key in PEM",
		},
		"Text": {
			pem:  []byte("ssh-ed25519 AAAA"),
			want: "it is not a public key in PEM",
		},
		"Private": {
			pem:  good.private,
			want: "it is not a public key in PEM",
		},
		"Large": {
			pem:  []byte(strings.Repeat("x", maxKey+1)),
			want: "more than the limit of 16384",
		},
		"LargeRSA": {
			pem:  rsaOf(t, maxRSA+1),
			want: "the public key has 16385 bits, more than the limit of 16384 for RSA",
		},
		"Hash": {
			pem:  good.public,
			hash: "md5",
			want: `hashAlgorithm: "md5" is unknown; use one of sha224, sha256, sha384, sha512`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseKey(tc.pem, tc.hash); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

func TestSignaturesThatAreRefused(t *testing.T) {
	by := newECDSA(t, elliptic.P256())
	cases := map[string]struct {
		annotation string
		none       bool
		want       error
	}{
		"None": {
			none: true,
			want: errUnsigned,
		},
		"Empty": {
			want: errMismatch,
		},
		"NotBase64": {
			annotation: "%%%",
			want:       errBase64,
		},
		"Random": {
			annotation: "c29tZXRoaW5n",
			want:       errMismatch,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			object := stored(t, "plain.yaml")
			if !tc.none {
				object.SetAnnotations(map[string]string{AnnotationSignature: tc.annotation})
			}
			if err := Verify(object, []Key{by.key(t)}); !errors.Is(err, tc.want) {
				t.Errorf("want %v, got %v", tc.want, err)
			}
		})
	}
	if err := Verify(signed(t, stored(t, "plain.yaml"), by), nil); !errors.Is(err, errNoKeys) {
		t.Errorf("without keys: %v", err)
	}
}

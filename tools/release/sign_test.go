package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"path/filepath"
	"testing"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

// keyFiles writes a private key and its public key into files.
func keyFiles(t *testing.T, key crypto.Signer) (private, public string) {
	t.Helper()
	folder := t.TempDir()
	private, public = filepath.Join(folder, "key.pem"), filepath.Join(folder, "key.pub")
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, private, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	if der, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		t.Fatal(err)
	}
	writeFile(t, public, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	return private, public
}

func ecdsaKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestSignature(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, otherPublic := keyFiles(t, ecdsaKey(t))
	for name, key := range map[string]crypto.Signer{"ECDSA": ecdsaKey(t), "RSA": rsaKey, "Ed25519": edKey} {
		t.Run(name, func(t *testing.T) {
			private, public := keyFiles(t, key)
			folder := t.TempDir()
			writeFile(t, filepath.Join(folder, checksumsFile), "sums\n")
			if err := sign(folder, private); err != nil {
				t.Fatal(err)
			}
			check(t, verifySignature(folder, public), "")
			check(t, verifySignature(folder, otherPublic), "is not a signature of checksums.txt by this key")
			check(t, verifySignature(folder, private), "it is not a public key in PEM")
			writeFile(t, filepath.Join(folder, checksumsFile), "Sums\n")
			check(t, verifySignature(folder, public), "is not a signature of checksums.txt by this key")
		})
	}
}

func TestKeyWithPassword(t *testing.T) {
	key, _, err := cryptoutils.GeneratePEMEncodedECDSAKeyPair(elliptic.P256(), cryptoutils.StaticPasswordFunc([]byte("secret")))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	writeFile(t, file, string(key))
	cases := map[string]struct{ password, refusal string }{
		"Right": {password: "secret"},
		"Wrong": {password: "other", refusal: "or its password is wrong"},
		"None":  {refusal: "it is encrypted, and the environment variable COSIGN_PASSWORD is empty"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv(passwordVariable, tc.password)
			_, err := signer(file)
			check(t, err, tc.refusal)
		})
	}
}

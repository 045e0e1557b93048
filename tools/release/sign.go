package main

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
)

// passwordVariable is the environment variable with the password of an encrypted key, as for cosign.
const passwordVariable = "COSIGN_PASSWORD"

// errNoPassword is the error for an encrypted key without a password.
var errNoPassword = errors.New("it is encrypted, and the environment variable " + passwordVariable + " is empty")

// sign signs the checksums, which cover all other files, with a private key in PEM. The signature is of the SHA-256 of the file, in
// the binary format that openssl and cosign verify.
func sign(folder, keyFile string) error {
	private, err := signer(keyFile)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(folder, checksumsFile))
	if err != nil {
		return fmt.Errorf("cannot read the checksums: %w", err)
	}
	signed, err := private.SignMessage(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("cannot sign the checksums: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, signatureFile), signed, 0o644); err != nil {
		return fmt.Errorf("cannot write the signature: %w", err)
	}
	return nil
}

// signer reads a private key: plain, or encrypted as openssl and cosign do it.
func signer(file string) (signature.Signer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the key: %w", err)
	}
	private, err := cryptoutils.UnmarshalPEMToPrivateKey(text, func(bool) ([]byte, error) {
		if password := os.Getenv(passwordVariable); password != "" {
			return []byte(password), nil
		}
		return nil, errNoPassword
	})
	if err != nil {
		return nil, fmt.Errorf("cannot use the key in %q: it is not a private key in PEM, or its password is wrong: %w", file, err)
	}
	loaded, err := signature.LoadSigner(private, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("cannot use the key in %q: %w", file, err)
	}
	return loaded, nil
}

// verifySignature verifies the signature of the checksums with a public key in PEM.
func verifySignature(folder, keyFile string) error {
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return fmt.Errorf("cannot read the public key: %w", err)
	}
	public, err := cryptoutils.UnmarshalPEMToPublicKey(text)
	if err != nil {
		return fmt.Errorf("cannot use the key in %q: it is not a public key in PEM: %w", keyFile, err)
	}
	verifier, err := signature.LoadVerifier(public, crypto.SHA256)
	if err != nil {
		return fmt.Errorf("cannot use the key in %q: %w", keyFile, err)
	}
	signed, err := os.ReadFile(filepath.Join(folder, signatureFile))
	if err != nil {
		return fmt.Errorf("cannot read the signature: %w", err)
	}
	sums, err := os.ReadFile(filepath.Join(folder, checksumsFile))
	if err != nil {
		return fmt.Errorf("cannot read the checksums: %w", err)
	}
	if err := verifier.VerifySignature(bytes.NewReader(signed), bytes.NewReader(sums)); err != nil {
		return fmt.Errorf("%s is not a signature of %s by this key: %w", signatureFile, checksumsFile, err)
	}
	return nil
}

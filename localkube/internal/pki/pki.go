// Package pki creates the certificates and keys of a cluster and writes them to files. They live as long as the cluster's
// directory.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	// validity is far longer than the life of such a cluster, because these certificates are not renewed.
	validity = 365 * 24 * time.Hour
	// backdate makes the certificates valid for a clock that is a little behind.
	backdate = 5 * time.Minute

	certBlock       = "CERTIFICATE"
	privateKeyBlock = "PRIVATE KEY"
	publicKeyBlock  = "PUBLIC KEY"
)

// Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// Request describes a certificate.
type Request struct {
	// Name is the common name: the user name of a client, without a meaning for a server.
	Name string
	// Groups are the organizations: the groups of a client.
	Groups []string
	// Hosts are the DNS names and IP addresses of a server. A certificate without hosts is for a client only.
	Hosts []string
	// AlsoClient makes a server's certificate usable as a client certificate, too. etcd uses it so toward its peers.
	AlsoClient bool
}

// NewAuthority creates a certificate authority with a new key.
func NewAuthority(name string) (*Authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(validity),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("cannot create authority %q: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("cannot parse authority %q: %w", name, err)
	}
	return &Authority{cert: cert, key: key}, nil
}

// Write writes the authority to dir/name.crt and dir/name.key.
func (a *Authority) Write(dir, name string) error {
	return writePair(dir, name, a.cert.Raw, a.key)
}

// Issue writes a certificate for the request to dir/name.crt and its new key to dir/name.key.
func (a *Authority) Issue(dir, name string, r Request) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	template, err := r.template(time.Now())
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return fmt.Errorf("cannot create certificate %q: %w", name, err)
	}
	return writePair(dir, name, der, key)
}

func (r Request) template(now time.Time) (*x509.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: r.Name, Organization: r.Groups},
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(validity),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	for _, host := range r.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, host)
		}
	}
	if len(r.Hosts) > 0 {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if len(r.Hosts) == 0 || r.AlsoClient {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	return t, nil
}

// WriteKeyPair writes a new key to dir/name.key and its public half to dir/name.pub. Service account tokens are signed with
// the key.
func WriteKeyPair(dir, name string) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("cannot encode public key %q: %w", name, err)
	}
	if err := writePEM(filepath.Join(dir, name+".pub"), publicKeyBlock, der, 0o644); err != nil {
		return err
	}
	return writeKey(dir, name, key)
}

func writePair(dir, name string, der []byte, key crypto.Signer) error {
	if err := writePEM(filepath.Join(dir, name+".crt"), certBlock, der, 0o644); err != nil {
		return err
	}
	return writeKey(dir, name, key)
}

func writeKey(dir, name string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("cannot encode key %q: %w", name, err)
	}
	return writePEM(filepath.Join(dir, name+".key"), privateKeyBlock, der, 0o600)
}

func writePEM(path, block string, der []byte, mode os.FileMode) error {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: block, Bytes: der}), mode); err != nil {
		return fmt.Errorf("cannot write %q: %w", path, err)
	}
	return nil
}

func newKey() (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot generate a key: %w", err)
	}
	return key, nil
}

func newSerial() (*big.Int, error) {
	// RFC 5280, 4.1.2.2 allows 20 octets. 16 random octets are unique enough.
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return nil, fmt.Errorf("cannot draw a serial number: %w", err)
	}
	return serial, nil
}

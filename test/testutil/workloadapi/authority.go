// Package workloadapi is a SPIFFE Workload API for tests: an authority that issues identities, and the server that provides
// them on a socket.
package workloadapi

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/url"
	"time"
)

// Authority issues the identities of one trust domain.
type Authority struct {
	// Domain is the name of the trust domain.
	Domain string
	// Certificate is the authority's own certificate.
	Certificate *x509.Certificate

	key    crypto.Signer
	serial int64
}

// lifetime is the validity of an identity, the same as with SPIRE.
const lifetime = time.Hour

// NewAuthority returns an authority that is valid from a day before now.
func NewAuthority(domain string, now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of " + domain},
		URIs:      []*url.URL{{Scheme: "spiffe", Host: domain}},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	a := &Authority{Domain: domain, key: key, serial: 1}
	a.Certificate, err = sign(template, template, key.Public(), key)
	return a, err
}

// Identity is a certificate with its key.
type Identity struct {
	// Certificates begin with the identity's own certificate.
	Certificates []*x509.Certificate
	Key          crypto.Signer
}

// Chain returns the certificates in DER.
func (i Identity) Chain() [][]byte {
	var chain [][]byte
	for _, c := range i.Certificates {
		chain = append(chain, c.Raw)
	}
	return chain
}

// Issue returns an identity for a path, with an ECDSA key. It is valid from one minute before now. changes are applied to the
// certificate before it is signed.
func (a *Authority) Issue(path string, now time.Time, change ...func(*x509.Certificate)) (Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Identity{}, fmt.Errorf("cannot make key: %w", err)
	}
	return a.IssueFor(key, path, now, change...)
}

// IssueFor returns an identity for a path and a given key; see Issue.
func (a *Authority) IssueFor(key crypto.Signer, path string, now time.Time, change ...func(*x509.Certificate)) (Identity, error) {
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{Country: []string{"US"}, Organization: []string{"SPIRE"}},
		URIs:      []*url.URL{{Scheme: "spiffe", Host: a.Domain, Path: path}},
		NotBefore: now.Add(-time.Minute), NotAfter: now.Add(lifetime),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, f := range change {
		f(template)
	}
	c, err := sign(template, a.Certificate, key.Public(), a.key)
	return Identity{Certificates: []*x509.Certificate{c}, Key: key}, err
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("cannot make certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// Package dns resolves names for the node and its pods: the names of Services from the API server, all others through the
// host's name servers. It has the A records that pods ask for. It has no SRV and PTR records and no names of pods.
package dns

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// Domain is the domain of the cluster.
	Domain = "cluster.local."
	// services is the part of the domain that holds the names of Services.
	services = "svc." + Domain
	// ttl is the number of seconds for which a client may cache an answer. It is short, because Services of such a cluster
	// change quickly.
	ttl = 5
)

// Source returns the addresses of Services.
type Source interface {
	// Addresses returns the addresses of a Service, or of one host of it if host is not empty. ok is false if the name does
	// not exist.
	Addresses(namespace, service, host string) (addresses []netip.Addr, ok bool)
}

// answer answers a query for a name of the cluster. ok is false if the query is about another name and must be forwarded.
func answer(query []byte, source Source) (reply []byte, ok bool, err error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil {
		return nil, false, fmt.Errorf("cannot parse query: %w", err)
	}
	question, err := parser.Question()
	if err != nil {
		return nil, false, fmt.Errorf("cannot parse question: %w", err)
	}
	name := strings.ToLower(question.Name.String())
	if name != Domain && !strings.HasSuffix(name, "."+Domain) {
		return nil, false, nil
	}
	addresses, known := lookUp(name, source)
	message := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: header.ID, Response: true, Authoritative: true,
			RecursionDesired: header.RecursionDesired, RecursionAvailable: true,
		},
		Questions: []dnsmessage.Question{question},
	}
	if !known {
		message.RCode = dnsmessage.RCodeNameError
	}
	if question.Type == dnsmessage.TypeA {
		message.Answers = records(question.Name, addresses)
	}
	reply, err = message.Pack()
	if err != nil {
		return nil, false, fmt.Errorf("cannot pack answer: %w", err)
	}
	return reply, true, nil
}

// lookUp finds the addresses of [host.]service.namespace.svc.cluster.local. The parent domains of Services exist, but have no
// addresses.
func lookUp(name string, source Source) (addresses []netip.Addr, known bool) {
	if name == Domain || name == services {
		return nil, true
	}
	rest, ok := strings.CutSuffix(name, "."+services)
	if !ok {
		return nil, false
	}
	switch labels := strings.Split(rest, "."); len(labels) {
	case 2:
		return source.Addresses(labels[1], labels[0], "")
	case 3:
		return source.Addresses(labels[2], labels[1], labels[0])
	}
	return nil, false
}

func records(name dnsmessage.Name, addresses []netip.Addr) []dnsmessage.Resource {
	var all []dnsmessage.Resource
	for _, address := range addresses {
		if !address.Is4() {
			continue
		}
		all = append(all, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: ttl},
			Body:   &dnsmessage.AResource{A: address.As4()},
		})
	}
	return all
}

// failure returns the answer to a query that no name server could answer, or nil if the message is not a query.
func failure(query []byte) []byte {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil {
		return nil
	}
	questions, err := parser.AllQuestions()
	if err != nil {
		return nil
	}
	message := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: header.ID, Response: true, RecursionDesired: header.RecursionDesired, RCode: dnsmessage.RCodeServerFailure,
		},
		Questions: questions,
	}
	reply, err := message.Pack()
	if err != nil {
		return nil
	}
	return reply
}

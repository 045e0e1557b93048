package dns

import (
	"net/netip"
	"strings"
)

// maxNameservers is the number of name servers that a resolver uses (resolv.conf(5)).
const maxNameservers = 3

// ParseNameservers returns the name servers in the text of a resolver configuration.
func ParseNameservers(text string) []netip.Addr {
	var servers []netip.Addr
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "nameserver" || len(servers) == maxNameservers {
			continue
		}
		if address, err := netip.ParseAddr(fields[1]); err == nil {
			servers = append(servers, address)
		}
	}
	return servers
}

// Redirect returns the configuration with our name server instead of the ones that it names.
func Redirect(text string, server netip.Addr) string {
	var out strings.Builder
	out.WriteString("nameserver " + server.String() + "\n")
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] != "nameserver" {
			out.WriteString(strings.TrimRight(line, "\n") + "\n")
		}
	}
	return out.String()
}

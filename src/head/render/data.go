package main

import (
	"net"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"
)

// The data of templates: Mangrove's own fields of a node, and those of Warewulf under Warewulf's names.

// Flag is a yes or no that may be unset.
type Flag string

func (f Flag) String() string { return string(f) }
func (f Flag) Bool() bool {
	switch strings.ToLower(string(f)) {
	case "true", "yes", "1", "on":
		return true
	}
	return false
}
func (f Flag) BoolDefaultTrue() bool { return f == "" || f.Bool() }

// Address is a text, so that an unset one prints nothing.
type Address string

func (a Address) String() string { return string(a) }

type Kernel struct {
	Version string
	Args    []string
}

type Ipmi struct {
	UserName, Port, Interface, EscapeChar, Template string
	Ipaddr, Gateway, Netmask                        Address
	Write                                           Flag
	Tags                                            map[string]string
	password                                        func() (string, error)
}

// Password is the value of the secret that the node names.
func (i *Ipmi) Password() (string, error) { return i.password() }

type NetDev struct {
	Type, Device, Hwaddr, PrefixLen6, MTU       string
	OnBoot                                      Flag
	Ipaddr, Netmask, Gateway, Ipaddr6, Gateway6 Address
	Tags                                        map[string]string
	isPrimary                                   bool
}

func (d *NetDev) Primary() bool  { return d.isPrimary }
func (d *NetDev) IpCIDR() string { return cidr(string(d.Ipaddr), string(d.Netmask)) }
func (d *NetDev) IpCIDR6() string {
	if d.Ipaddr6 == "" || d.PrefixLen6 == "" {
		return ""
	}
	return string(d.Ipaddr6) + "/" + d.PrefixLen6
}

type Partition struct {
	Number, SizeMiB, StartMiB, TypeGuid, Guid string
	id                                        string
	wipePartitionEntry, shouldExist, resize   bool
}

func (p *Partition) Id() string               { return p.id }
func (p *Partition) WipePartitionEntry() bool { return p.wipePartitionEntry }
func (p *Partition) ShouldExist() bool        { return p.shouldExist }
func (p *Partition) Resize() bool             { return p.resize }

type Disk struct {
	Partitions map[string]*Partition
	id         string
	wipeTable  bool
}

func (d *Disk) Id() string      { return d.id }
func (d *Disk) WipeTable() bool { return d.wipeTable }

// PartitionList is sorted by number; those without one come last, by name.
func (d *Disk) PartitionList() []*Partition {
	list := []*Partition{}
	for _, one := range d.Partitions {
		list = append(list, one)
	}
	number := func(p *Partition) int {
		if n, err := strconv.Atoi(p.Number); err == nil {
			return n
		}
		return int(^uint(0) >> 1)
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := number(list[i]), number(list[j])
		return a < b || a == b && list[i].id < list[j].id
	})
	return list
}

type FileSystem struct {
	Format, Path, Label, Uuid, MountOptions string
	Options                                 []string
	id                                      string
	wipeFileSystem                          bool
}

func (f *FileSystem) Id() string           { return f.id }
func (f *FileSystem) WipeFileSystem() bool { return f.wipeFileSystem }

// Node is one machine.
type Node struct {
	Name, UUID   string
	MACs, Groups []string
	Values       map[string]interface{}
	Interfaces   map[string]interface{}

	Comment, ClusterName, ImageName, Ipxe, Init, Root, AssetKey, PrimaryNetDev string
	Discoverable                                                               Flag
	Profiles, RuntimeOverlay, SystemOverlay                                    []string
	Kernel                                                                     *Kernel
	Ipmi                                                                       *Ipmi
	NetDevs                                                                    map[string]*NetDev
	Tags                                                                       map[string]string
	Disks                                                                      map[string]*Disk
	FileSystems                                                                map[string]*FileSystem
	Resources                                                                  map[string]interface{}
}

func (n *Node) Id() string            { return n.Name }
func (n *Node) ContainerName() string { return n.ImageName }
func (n *Node) Valid() bool           { return true }

func (n *Node) DiskList() []*Disk {
	list := []*Disk{}
	for _, one := range n.Disks {
		list = append(list, one)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].id < list[j].id })
	return list
}

func (n *Node) FileSystemList() []*FileSystem {
	list := []*FileSystem{}
	for _, one := range n.FileSystems {
		list = append(list, one)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].id < list[j].id })
	return list
}

type Export struct{ Path, ExportOptions string }

type Nfs struct {
	Enabled         bool
	SystemdName     string
	ExportsExtended []*Export
}

type Dhcp struct {
	Enabled                                                             bool
	Template, RangeStart, RangeEnd, Range6Start, Range6End, SystemdName string
}

type Ssh struct{ KeyTypes []string }

type Tftp struct {
	Enabled               bool
	TftpRoot, SystemdName string
	IpxeBinaries          map[string]string
}

type Warewulf struct {
	Port, TLSPort, UpdateInterval                                                   int
	Secure, SecureFiles, TLSEnabled, AutobuildOverlays, EnableHostOverlay, GrubBoot bool
	SystemdName                                                                     string
}

type Paths struct {
	Bindir, Sysconfdir, Localstatedir, Cachedir, Srvdir, Datadir, WWClientdir string
}

// headNode is what all nodes share of the head node.
type headNode struct {
	BuildHost, BuildTime, BuildTimeUnix, Overlay         string
	Ipaddr, IpCIDR, Netmask, Network, NetworkCIDR, Fqdn  string
	Ipaddr6, PrefixLen6, IpCIDR6, Network6, NetworkCIDR6 string
	Ipv6                                                 bool
	Dhcp                                                 Dhcp
	Nfs                                                  Nfs
	Ssh                                                  Ssh
	Warewulf                                             Warewulf
	Tftp                                                 Tftp
	Paths                                                Paths
	AllNodes                                             []*Node
}

// data is what dot is at the beginning of a template.
type data struct {
	BuildSource string
	Id          string
	Hostname    string
	Container   string
	headNode
	*Node
	ContainerName string
	ThisNode      *Node
	given         wireNode
	secrets       map[string][]byte
	secret        func(name string) (string, error)
}

var sharedFields = func() map[string]bool {
	names := map[string]bool{"BuildSource": true}
	t := reflect.TypeOf(headNode{})
	for i := 0; i < t.NumField(); i++ {
		names[t.Field(i).Name] = true
	}
	return names
}()

// values is an object of JSON. What it does not have is empty.
type values map[string]interface{}

func asText(v interface{}) string {
	switch t := v.(type) {
	case string:
		return t
	case bool:
		return strconv.FormatBool(t)
	case int:
		return strconv.Itoa(t)
	case float64:
		return strconv.FormatFloat(t, 'f', -1, 64)
	}
	return ""
}

func (v values) text(name string) string { return asText(v[name]) }
func (v values) flag(name string) bool   { return Flag(v.text(name)).Bool() }
func (v values) number(name string) int {
	number, _ := strconv.Atoi(v.text(name))
	return number
}

func (v values) texts(name string) []string {
	list := []string{}
	switch found := v[name].(type) {
	case []interface{}:
		for _, item := range found {
			list = append(list, asText(item))
		}
	case string:
		list = append(list, found)
	}
	return list
}

func (v values) object(name string) values {
	object, _ := v[name].(map[string]interface{})
	return object
}

// members are the objects in an object.
func (v values) members(take func(name string, member values)) {
	for name, member := range v {
		object, _ := member.(map[string]interface{})
		take(name, object)
	}
}

func (v values) tags(name string) map[string]string {
	tags := map[string]string{}
	for key, value := range v.object(name) {
		tags[key] = asText(value)
	}
	return tags
}

func cidr(address, mask string) string {
	ip, m := net.ParseIP(address), net.ParseIP(mask).To4()
	if ip == nil || m == nil || ip.IsUnspecified() {
		return ""
	}
	return (&net.IPNet{IP: ip, Mask: net.IPMask(m)}).String()
}

func network(address, mask string) *net.IPNet {
	ip, m := net.ParseIP(address).To4(), net.ParseIP(mask).To4()
	if ip == nil || m == nil {
		return nil
	}
	return &net.IPNet{IP: ip.Mask(net.IPMask(m)), Mask: net.IPMask(m)}
}

// wireNode is a node as it comes over the wire, with what it resolves to.
type wireNode struct {
	Name       string   `json:"name"`
	UUID       string   `json:"uuid"`
	MACs       []string `json:"macs"`
	Groups     []string `json:"groups"`
	Values     object   `json:"values"`
	Interfaces object   `json:"interfaces"`
	BMC        object   `json:"bmc"`
	Open       bool     `json:"open"` // anybody can ask for its files
}

type common struct {
	Set     string            `json:"set"`
	Host    string            `json:"host"`
	Time    int64             `json:"time"`
	Server  object            `json:"server"`
	Nodes   []*wireNode       `json:"nodes"`
	Secrets map[string][]byte `json:"secrets"`
}

func (d *data) takeCommon(c *common) {
	at := time.Unix(c.Time, 0).UTC()
	d.headNode = headNodeOf(values(c.Server))
	d.Overlay, d.BuildHost = c.Set, c.Host
	d.secrets = c.Secrets
	d.BuildTime, d.BuildTimeUnix = at.Format("01-02-2006 15:04:05 MST"), strconv.FormatInt(c.Time, 10)
	for _, one := range c.Nodes {
		d.AllNodes = append(d.AllNodes, d.nodeOf(one))
	}
}

func headNodeOf(v values) headNode {
	dhcp, nfs, tftp, ww, paths := v.object("dhcp"), v.object("nfs"), v.object("tftp"), v.object("warewulf"), v.object("paths")
	s := headNode{
		Ipaddr: v.text("ipaddr"), Netmask: v.text("netmask"), Network: v.text("network"), Fqdn: v.text("fqdn"),
		Ipaddr6: v.text("ipaddr6"), PrefixLen6: v.text("prefixlen6"),
		Dhcp: Dhcp{dhcp.flag("enabled"), dhcp.text("template"), dhcp.text("range start"), dhcp.text("range end"),
			dhcp.text("range6 start"), dhcp.text("range6 end"), dhcp.text("systemd name")},
		Nfs:  Nfs{Enabled: nfs.flag("enabled"), SystemdName: nfs.text("systemd name")},
		Ssh:  Ssh{v.object("ssh").texts("key types")},
		Tftp: Tftp{tftp.flag("enabled"), tftp.text("tftproot"), tftp.text("systemd name"), tftp.tags("ipxe")},
		Warewulf: Warewulf{ww.number("port"), ww.number("tls port"), ww.number("update interval"), ww.flag("secure"),
			ww.flag("secure files"), ww.flag("tls"), ww.flag("autobuild overlays"), ww.flag("host overlay"),
			ww.flag("grubboot"), ww.text("systemd name")},
		Paths: Paths{paths.text("bindir"), paths.text("sysconfdir"), paths.text("localstatedir"), paths.text("cachedir"),
			paths.text("srvdir"), paths.text("datadir"), paths.text("wwclientdir")},
	}
	if s.Paths.Sysconfdir == "" {
		s.Paths.Sysconfdir = "/etc"
	}
	exports, _ := nfs["export paths"].([]interface{})
	for _, one := range exports {
		export, _ := one.(map[string]interface{})
		s.Nfs.ExportsExtended = append(s.Nfs.ExportsExtended,
			&Export{values(export).text("path"), values(export).text("export options")})
	}
	s.IpCIDR = cidr(s.Ipaddr, s.Netmask)
	if n := network(s.Ipaddr, s.Netmask); n != nil {
		if s.Network == "" {
			s.Network = n.IP.String()
		}
		s.NetworkCIDR = n.String()
	}
	if _, n, err := net.ParseCIDR(s.Ipaddr6 + "/" + s.PrefixLen6); err == nil {
		s.Ipv6, s.IpCIDR6 = true, s.Ipaddr6+"/"+s.PrefixLen6
		s.Network6, s.NetworkCIDR6 = n.IP.String(), n.String()
	}
	return s
}

// takeNode leaves the work to prepare, for most templates may be shared ones.
func (d *data) takeNode(n *wireNode) {
	d.given = *n
	d.Node = nil
}

func (d *data) prepare() {
	if d.Node != nil {
		return
	}
	d.Node = d.nodeOf(&d.given)
	d.ThisNode = d.Node
	d.Id, d.Hostname = d.Node.Name, d.Node.Name
	d.Container, d.ContainerName = d.Node.ImageName, d.Node.ImageName
}

func (d *data) nodeOf(n *wireNode) *Node {
	v := values(n.Values)
	kernel := v.object("kernel")
	node := &Node{
		Name: n.Name, UUID: n.UUID, MACs: n.MACs, Groups: n.Groups, Values: n.Values, Interfaces: n.Interfaces,
		Comment: v.text("comment"), ClusterName: v.text("cluster_name"),
		ImageName: v.text("image"), Ipxe: v.text("ipxe_template"),
		Init: v.text("init"), Root: v.text("root"), AssetKey: v.text("asset_key"),
		PrimaryNetDev: v.text("primary_network"), Discoverable: Flag(v.text("discoverable")),
		Profiles: n.Groups, RuntimeOverlay: v.texts("runtime_overlay"),
		SystemOverlay: v.texts("system_overlay"),
		Kernel:        &Kernel{kernel.text("version"), kernel.texts("arguments")},
		Ipmi:          d.ipmiOf(values(n.BMC), v.object("ipmi")), NetDevs: map[string]*NetDev{}, Tags: v.tags("tags"), Disks: map[string]*Disk{},
		FileSystems: map[string]*FileSystem{}, Resources: v.object("resources"),
	}
	if node.Resources == nil {
		node.Resources = map[string]interface{}{}
	}
	values(n.Interfaces).members(func(name string, one values) { node.NetDevs[name] = netDevOf(one) })
	node.choosePrimary(values(n.Interfaces))
	v.object("disks").members(func(name string, one values) { node.Disks[name] = diskOf(name, one) })
	v.object("filesystems").members(func(name string, one values) {
		node.FileSystems[name] = &FileSystem{one.text("format"), one.text("path"), one.text("label"), one.text("uuid"),
			one.text("mount_options"), one.texts("options"), name, one.flag("wipe_filesystem")}
	})
	return node
}

// ipmiOf: `bmc` has what Mangrove needs, `more` the rest.
func (d *data) ipmiOf(bmc, more values) *Ipmi {
	password := func() (string, error) {
		if name := bmc.text("secret"); name != "" {
			return d.secret(name)
		}
		return "", nil
	}
	return &Ipmi{UserName: bmc.text("user"), password: password, Ipaddr: Address(bmc.text("address")),
		Port: more.text("port"), Interface: more.text("interface"), EscapeChar: more.text("escapechar"),
		Template: more.text("template"), Gateway: Address(more.text("gateway")), Netmask: Address(more.text("netmask")),
		Write: Flag(more.text("write")), Tags: more.tags("tags")}
}

// splitPrefix takes "192.0.2.7/24" apart.
func splitPrefix(address string) (plain, prefix string) {
	plain, prefix, _ = strings.Cut(address, "/")
	return plain, prefix
}

func netDevOf(v values) *NetDev {
	address, prefix := splitPrefix(v.text("address"))
	address6, prefix6 := splitPrefix(v.text("address6"))
	d := &NetDev{Type: v.text("type"), Device: v.text("device"), Hwaddr: v.text("mac"), MTU: v.text("mtu"),
		OnBoot: Flag(v.text("onboot")), Ipaddr: Address(address), Netmask: Address(v.text("netmask")),
		Gateway: Address(v.text("gateway")), Ipaddr6: Address(address6), PrefixLen6: v.text("prefix6"),
		Gateway6: Address(v.text("gateway6")), Tags: v.object("values").tags("tags")}
	if length, err := strconv.Atoi(prefix); err == nil && d.Netmask == "" && length >= 0 && length <= 32 {
		d.Netmask = Address(net.IP(net.CIDRMask(length, 32)).String())
	}
	if d.PrefixLen6 == "" {
		d.PrefixLen6 = prefix6
	}
	return d
}

// choosePrimary takes the one that is named, or the first by name.
func (n *Node) choosePrimary(interfaces values) {
	names := []string{}
	interfaces.members(func(name string, one values) {
		names = append(names, name)
		if one.flag("primary") && n.PrimaryNetDev == "" {
			n.PrimaryNetDev = name
		}
	})
	if len(names) == 0 {
		return
	}
	sort.Strings(names)
	if n.NetDevs[n.PrimaryNetDev] == nil {
		n.PrimaryNetDev = names[0]
	}
	n.NetDevs[n.PrimaryNetDev].isPrimary = true
}

func diskOf(name string, v values) *Disk {
	disk := &Disk{Partitions: map[string]*Partition{}, id: name, wipeTable: v.flag("wipe_table")}
	v.object("partitions").members(func(name string, one values) {
		disk.Partitions[name] = &Partition{one.text("number"), one.text("size_mib"), one.text("start_mib"),
			one.text("type_guid"), one.text("guid"), name, one.flag("wipe_partition_entry"), one.flag("should_exist"),
			one.flag("resize")}
	})
	return disk
}

using System.Globalization;
using System.Text;
using System.Xml;
using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>Graphs as GraphML, which Gephi, yEd, networkx and igraph read.</summary>
public static class GraphMl
{
    private const string Space = "http://graphml.graphdrawing.org/xmlns";

    private static readonly (string Id, string For, string Name, string Type)[] s_keys =
    [
        ("kind", "node", "kind", "string"), ("label", "node", "label", "string"), ("place", "node", "place", "string"),
        ("level", "node", "level", "int"), ("token", "node", "token", "int"), ("value", "node", "value", "double"), ("weight", "edge", "weight", "double"),
    ];

    /// <summary>Writes a graph; the file appears complete or not at all.</summary>
    public static void Write(string path, CircuitGraph graph, ExistingFile existing = ExistingFile.Refuse) => AtomicFile.WriteText(path, Text(graph), existing);

    /// <summary>The document.</summary>
    public static string Text(CircuitGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var text = new StringBuilder();
        using (var xml = XmlWriter.Create(text, new XmlWriterSettings { Indent = true, OmitXmlDeclaration = true }))
        {
            xml.WriteStartElement("graphml", Space);
            foreach (var (id, on, name, type) in s_keys)
            {
                xml.WriteStartElement("key", Space);
                foreach (var (attribute, value) in new[] { ("id", id), ("for", on), ("attr.name", name), ("attr.type", type) }) xml.WriteAttributeString(attribute, value);
                xml.WriteEndElement();
            }
            xml.WriteStartElement("graph", Space);
            xml.WriteAttributeString("id", graph.Title);
            xml.WriteAttributeString("edgedefault", "directed");
            foreach (var node in graph.Nodes)
            {
                xml.WriteStartElement("node", Space);
                xml.WriteAttributeString("id", node.Id);
                Data(xml, "kind", node.Kind);
                Data(xml, "label", node.Label);
                Data(xml, "place", node.Place);
                Data(xml, "level", Invariant(node.Level));
                if (node.Token is { } token) Data(xml, "token", Invariant(token));
                Data(xml, "value", Invariant(node.Value));
                xml.WriteEndElement();
            }
            foreach (var link in graph.Links)
            {
                xml.WriteStartElement("edge", Space);
                xml.WriteAttributeString("source", graph.Nodes[link.Source].Id);
                xml.WriteAttributeString("target", graph.Nodes[link.Target].Id);
                Data(xml, "weight", Invariant(link.Weight));
                xml.WriteEndElement();
            }
            xml.WriteEndElement();
            xml.WriteEndElement();
        }
        return text.Append('\n').ToString();
    }

    private static void Data(XmlWriter xml, string key, string value)
    {
        xml.WriteStartElement("data", Space);
        xml.WriteAttributeString("key", key);
        xml.WriteString(value);
        xml.WriteEndElement();
    }

    private static string Invariant(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);
}

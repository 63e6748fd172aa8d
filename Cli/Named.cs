using Prisma.Core;

namespace Prisma.Cli;

/// <summary>What --model and --sae may be: a path, a registered name, or a repository of the hub, which is fetched and told about on the way.</summary>
internal static class Named
{
    internal const string Model = "A checkpoint folder, a name of 'prisma models', or a repository of the hub (owner/name)";
    internal const string Coder = "The sparse coder: a file, a folder searched downwards, a name of 'prisma models show', or owner/name[/path] of the hub";

    /// <summary>The folder of a model.</summary>
    internal static string Folder(string name, Terminal terminal, ModelNeeds needs = ModelNeeds.Weights) => Models.Find(name, needs, new HubReport(terminal));

    /// <summary>The file or folder of a coder.</summary>
    internal static string CoderPath(string name, Terminal terminal) => Coders.Find(name, new HubReport(terminal));
}

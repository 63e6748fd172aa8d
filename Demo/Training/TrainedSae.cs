using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Demo;

/// <summary>A trained sparse autoencoder with its recipe and its fidelity on held-out scenes. Owns the coder.</summary>
public sealed class TrainedSae : IDisposable
{
    internal TrainedSae(Coder coder, DemoSaeOptions options, FidelityReport fidelity) => (Coder, Options, Fidelity) = (coder, options, fidelity);

    /// <summary>The coder. Borrowed.</summary>
    public Coder Coder { get; }

    /// <summary>How it was trained.</summary>
    public DemoSaeOptions Options { get; }

    /// <summary>Its fidelity on held-out scenes.</summary>
    public FidelityReport Fidelity { get; }

    /// <summary>The share of features that never fired on the held-out scenes.</summary>
    public double DeadShare => Fidelity.DeadFeatures / (double)Fidelity.Features;

    /// <summary>Writes a folder in ViT-Prisma's layout, with a README. Replaces such files.</summary>
    /// <exception cref="PrismaException">A file cannot be written.</exception>
    public void Save(string folder)
    {
        FidelityRow all = Fidelity["all"];
        var metrics = new Dictionary<string, double>
        {
            ["explained_variance"] = all.ExplainedVariance,
            ["l0"] = all.L0,
            ["mse"] = all.Mse,
            ["dead_share"] = DeadShare,
        };
        var training = new Dictionary<string, JsonNode?> { ["image_size"] = Options.Pixels, ["seed"] = Options.Seed };
        PrismaWriter.Write(folder, Coder, metrics, training, ExistingFile.Replace);
        AtomicFile.WriteText(Path.Combine(folder, "README.md"), Readme() + "\n", ExistingFile.Replace);
    }

    /// <inheritdoc/>
    public void Dispose() => Coder.Dispose();

    private string Readme()
    {
        string rows = string.Join('\n', Fidelity.Rows.Select(row => $"| {row.Tokens} | {row.Count} | {row.ExplainedVariance:P1} | {row.L0:F1} | {row.Cosine:F3} |"));
        return $"""
            # A sparse autoencoder on {Options.Subject}

            Reads the residual stream after block {Options.Layer} (`{Coder.Card.Reads[0]}`), {Options.TokensRead}; {Fidelity.Features} features, the {Options.K} largest
            of each token active. Stored as ViT-Prisma stores its SAEs. On {Options.HeldOut} held-out {Options.Examples}:

            | tokens | vectors | explained variance | L0 | cosine |
            | --- | --- | --- | --- | --- |
            {rows}

            {Fidelity.DeadFeatures} of {Fidelity.Features} features ({DeadShare:P1}) never fire there.

            Made by `./prisma {Options.Verb}`: the tokens of {Options.TrainingScenes} training {Options.Examples}, {Options.Steps} steps, seed {Options.Seed}. The weights are under the
            project's licence.
            """;
    }
}

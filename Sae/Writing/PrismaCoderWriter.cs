using Prisma.Core;

namespace Prisma.Sae;

/// <summary>ViT-Prisma: <c>config.json</c> and <c>weights.pt</c>, with the figures that the coder's own file publishes.</summary>
public sealed class PrismaCoderWriter : CoderWriter
{
    /// <inheritdoc/>
    public override string Name => "prisma";

    /// <inheritdoc/>
    public override string? Refuses(ICoder coder) => CoderForm.NotPlain(coder) ?? PrismaWriter.Refuses((Coder)coder);

    /// <inheritdoc/>
    private protected override IEnumerable<string> Files(ICoder coder) => ["weights.pt", "config.json"];

    /// <inheritdoc/>
    private protected override void WriteInto(string folder, ICoder coder, ExistingFile existing) =>
        PrismaWriter.Write(folder, (Coder)coder, coder.Card.Origin.Published, existing: existing);
}

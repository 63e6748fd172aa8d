using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;

namespace Prisma.Demo;

/// <summary>A picture from one noise: as its caption says, with features switched, and with random features instead. Owns what was made.</summary>
internal sealed class SwitchedPicture : IDisposable
{
    private readonly InterventionResult _switched, _control;

    private SwitchedPicture(TraitSwitch change, InterventionResult switched, InterventionResult control) => (Change, _switched, _control) = (change, switched, control);

    public TraitSwitch Change { get; }

    public Generation Original => _switched.Original;

    public Generation Edited => _switched.Edited;

    public Generation Random => _control.Edited;

    /// <summary>Paints them.</summary>
    public static SwitchedPicture Paint(TextToImage painter, PictureIntervention intervention, IReadOnlyDictionary<HookSite, FeatureStatistics> units, string caption, string changed, int seed)
    {
        var options = new GenerateOptions { Prompts = [caption], Steps = new DemoPainterOptions().PaintingSteps, Seed = seed };
        using Generation original = painter.Generate(options with { Decodes = false }, intervention.Kept()), other = painter.Generate(options with { Prompts = [changed], Decodes = false }, intervention.Kept());
        TraitSwitch change = TraitSwitch.Find(intervention, original, other);
        InterventionResult switched = intervention.Run(options, change.Changes(changed));
        try
        {
            return new SwitchedPicture(change, switched, intervention.Run(options, change.Control(intervention, units, original, other, new SceneRandom((ulong)seed))));
        }
        catch
        {
            switched.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _switched.Dispose();
        _control.Dispose();
    }
}

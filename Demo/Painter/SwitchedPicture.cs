using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;

namespace Prisma.Demo;

/// <summary>A picture from one noise: as its caption says, with features switched, and with random features instead. Owns what was made.</summary>
internal sealed record SwitchedPicture(TraitSwitch Change, Generation Original, Generation Edited, Generation Random) : IDisposable
{
    /// <summary>Paints them.</summary>
    public static SwitchedPicture Paint(TextToImage painter, PictureIntervention intervention, IReadOnlyDictionary<HookSite, FeatureStatistics> units, string caption, string changed, int seed)
    {
        var options = new GenerateOptions { Prompts = [caption], Steps = new DemoPainterOptions().PaintingSteps, Seed = seed };
        var made = new List<Generation>();
        try
        {
            made.Add(painter.Generate(options, intervention.Kept()));
            using Generation other = painter.Generate(options with { Prompts = [changed], Decodes = false }, intervention.Kept());
            TraitSwitch change = TraitSwitch.Find(intervention, made[0], other);
            made.Add(intervention.Edited(options, change.Changes(changed), made[0], other));
            made.Add(intervention.Edited(options, change.Control(intervention, units, made[0], other, new SceneRandom((ulong)seed)), made[0]));
            return new SwitchedPicture(change, made[0], made[1], made[2]);
        }
        catch
        {
            foreach (Generation one in made) one.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Original.Dispose();
        Edited.Dispose();
        Random.Dispose();
    }
}

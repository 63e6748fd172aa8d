namespace Prisma.Demo;

/// <summary>What each patch of a picture shows, for a grid of square patches.</summary>
public static class PatchTruth
{
    /// <summary>
    /// The object in each patch: [rows · columns], −1 for the ground, else the index of the object that most of the patch's pixels
    /// belong to, given that they are at least a quarter of the patch.
    /// </summary>
    /// <param name="owners">[size, size] from <see cref="ScenePainter.Owners"/>.</param>
    /// <param name="size">Pixels per side.</param>
    /// <param name="patch">Pixels per side of a patch; divides <paramref name="size"/>.</param>
    public static int[] Objects(ReadOnlySpan<byte> owners, int size, int patch)
    {
        int grid = size / patch;
        var objects = new int[grid * grid];
        Span<int> counts = stackalloc int[byte.MaxValue + 1];
        for (int cell = 0; cell < objects.Length; cell++)
        {
            counts.Clear();
            int top = cell / grid * patch, left = cell % grid * patch, best = -1;
            for (int row = top; row < top + patch; row++)
            {
                for (int column = left; column < left + patch; column++) counts[owners[row * size + column]]++;
            }
            for (int owner = 1; owner < counts.Length; owner++)
            {
                if (4 * counts[owner] >= patch * patch && (best < 0 || counts[owner] > counts[best + 1])) best = owner - 1;
            }
            objects[cell] = best;
        }
        return objects;
    }
}

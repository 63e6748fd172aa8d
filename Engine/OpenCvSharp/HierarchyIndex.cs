namespace OpenCvSharp;

public class HierarchyIndex
{
    public HierarchyIndex()
    {
    }

    public HierarchyIndex(int next, int previous, int child, int parent) => (Next, Previous, Child, Parent) = (next, previous, child, parent);

    public int Next { get; set; }

    public int Previous { get; set; }

    public int Child { get; set; }

    public int Parent { get; set; }
}
